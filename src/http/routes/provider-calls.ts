import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listUnknownCalls } from "#db/queries/unanswered-calls.ts";
import type { Deps } from "#src/deps.ts";
import { resolveUnknownCall } from "#src/platform/unanswered-calls.ts";
import { type Endpoint, endpoint, IdParams, Instant, Page, PageQuery } from "../endpoint.ts";

const UnknownCall = z.object({
  id: z.uuid(),
  jobId: z.uuid(),
  provider: z.string(),
  operation: z.string(),
  field: z.string(),
  /** In the provider's terms; what is personal is a hash. */
  subjects: z.array(z.string()),
  heldMicros: z.int(),
  errorKind: z.string().nullable(),
  httpStatus: z.int().nullable(),
  createdAt: Instant,
  endedAt: Instant,
});

const Resolution = z.strictObject({
  charged: z.boolean().describe("As the provider's own books say."),
  costMicros: z
    .int()
    .min(0)
    .optional()
    .describe("If it was charged: how much of what is held, in micro-euros; default all of it."),
});

export const providerCallEndpoints = ({ db }: Deps): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/provider-calls",
      tag: "provider-calls",
      role: "operator",
      summary: "Paid calls of which nobody knows whether they were charged, the oldest first",
      query: PageQuery.extend({ status: z.literal("unknown") }),
      answer: z.array(UnknownCall),
      paged: true,
    },
    async ({ workspaceId, query: { cursor, limit } }) => {
      const rows = await inWorkspace(db, workspaceId, (tx) =>
        listUnknownCalls(tx, workspaceId, { afterId: cursor ?? null, limit: limit + 1 }),
      );
      return Page.of(rows, limit, ({ id }) => id);
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/provider-calls/:id/resolve",
      tag: "provider-calls",
      role: "operator",
      summary: "Settles such a call by what a person has found out",
      params: IdParams,
      body: Resolution,
      answer: Resolution.extend({ id: z.uuid() }),
    },
    async ({ workspaceId, audit, params: { id }, body }) => {
      await inWorkspace(db, workspaceId, async (tx) => {
        await resolveUnknownCall(tx, id, body);
        const subject = { kind: "provider_call", id };
        await audit(tx, { action: "provider_call.resolved", subject, details: { ...body } });
      });
      return { id, ...body };
    },
  ),
];
