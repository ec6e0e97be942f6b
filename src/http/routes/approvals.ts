import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listApprovals } from "#db/queries/approvals.ts";
import { approvalStatuses } from "#db/schema/approvals.ts";
import type { Deps } from "#src/deps.ts";
import { decide } from "#src/platform/approvals.ts";
import { type Endpoint, endpoint, IdParams, Instant, Page, PageQuery } from "../endpoint.ts";
import { freeText } from "../plain-text.ts";

const Approval = z.object({
  id: z.uuid(),
  prospectId: z.uuid(),
  cui: z.int(),
  name: z.string(),
  field: z.string(),
  source: z.string(),
  value: z.record(z.string(), z.unknown()),
  confidencePct: z.int(),
  /** What speaks for it. */
  reasons: z.array(z.object({ part: z.string(), points: z.number() })),
  status: z.enum(approvalStatuses),
  /** What holds when nobody has decided by `expiresAt`. */
  defaultDecision: z.enum(["approve", "reject"]),
  expiresAt: Instant,
  decidedAt: Instant.nullable(),
  note: z.string().nullable(),
});

/** On which values of prospects are looked at: a purpose's in the legal-basis register. */
const legalBasis = "legitimate_interest";

export const approvalEndpoints = ({ db }: Deps): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/approvals",
      tag: "approvals",
      role: "viewer",
      summary: "Values that wait for a person, with what speaks for them",
      query: PageQuery.extend({
        status: z.enum(approvalStatuses).default("pending"),
        field: z.string().max(100).optional(),
      }),
      answer: z.array(Approval),
      paged: true,
    },
    ({ workspaceId, audit, query: { cursor, limit, ...filter } }) =>
      inWorkspace(db, workspaceId, async (tx) => {
        const rows = await listApprovals(tx, { filter, afterId: cursor ?? null, limit: limit + 1 });
        const page = Page.of(rows, limit, ({ id }) => id);
        const details = { count: page.items.length };
        await audit(tx, { action: "approvals.viewed", subject: { kind: "approval" }, legalBasis, details });
        return page;
      }),
  ),
  endpoint(
    {
      method: "post",
      path: "/approvals/:id/decide",
      tag: "approvals",
      role: "operator",
      summary: "Approves or rejects a value",
      description: "A repeat of the same decision is harmless, the other one is refused.",
      params: IdParams,
      body: z.strictObject({
        decision: z.enum(["approve", "reject"]),
        note: freeText(500).optional(),
      }),
      answer: z.object({ id: z.uuid(), status: z.enum(["approved", "rejected"]) }),
    },
    async ({ workspaceId, audit, params: { id }, body: { decision, note } }) => {
      const status = decision === "approve" ? ("approved" as const) : ("rejected" as const);
      await inWorkspace(db, workspaceId, async (tx) => {
        await decide(tx, workspaceId, id, decision, note ?? null);
        await audit(tx, { action: `approval.${status}`, subject: { kind: "approval", id } });
      });
      return { id, status };
    },
  ),
];
