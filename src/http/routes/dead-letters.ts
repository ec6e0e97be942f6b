import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { countDeadLetters, deadLetterTargets, listDeadLetters } from "#db/queries/dead-letters.ts";
import type { Deps } from "#src/deps.ts";
import type { RunnablePlan } from "#src/platform/chunk-work.ts";
import { retryDeadLetters } from "#src/platform/operations/retry-dead-letters.ts";
import { type Endpoint, endpoint, Instant, Page, PageQuery } from "../endpoint.ts";
import { ok } from "../envelope.ts";
import { WorkOptions } from "../selection.ts";

const DeadLetter = z.object({
  prospectId: z.uuid(),
  cui: z.int(),
  field: z.string(),
  jobId: z.uuid(),
  failures: z.int(),
  firstCode: z.string(),
  firstAt: Instant,
  lastCode: z.string(),
  lastSource: z.string().nullable(),
  lastAt: Instant,
});

export const DeadLetterFilter = z.strictObject({
  field: z.string().max(100).optional(),
  code: z.string().max(100).optional(),
  source: z.string().max(100).optional(),
  jobId: z.uuid().optional(),
});

export const deadLetterEndpoints = (deps: Deps, plan: RunnablePlan): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/dead-letters",
      tag: "dead-letters",
      role: "viewer",
      summary: "Prospects and fields that failed for good, with the first and the last reason",
      query: PageQuery.extend({
        ...DeadLetterFilter.shape,
        cursor: z
          .string()
          .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[a-z0-9-]{1,100}$/)
          .optional(),
      }),
      answer: z.array(DeadLetter),
      paged: true,
      meta: z.object({
        counts: z.array(z.object({ field: z.string(), code: z.string(), count: z.int() })),
      }),
    },
    async ({ workspaceId, query: { cursor, limit, ...filter } }) => {
      const [prospectId = "", field = ""] = cursor?.split(/:(.*)/s) ?? [];
      const after = cursor ? { prospectId, field } : null;
      const { rows, counts } = await inWorkspace(deps.db, workspaceId, async (tx) => ({
        rows: await listDeadLetters(tx, { filter, after, limit: limit + 1 }),
        counts: await countDeadLetters(tx, filter),
      }));
      return Page.of(rows, limit, (last) => `${last.prospectId}:${last.field}`, { counts });
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/dead-letters/retry",
      tag: "dead-letters",
      role: "operator",
      summary: "Asks again about those that a filter names, as one job",
      description: "With `preview` it only counts whom it would ask about, and answers 200.",
      body: z.strictObject({
        filter: DeadLetterFilter,
        preview: z.boolean().default(false),
        ...WorkOptions.omit({ fields: true }).shape,
      }),
      answer: z.object({ prospects: z.int(), fields: z.array(z.string()), jobId: z.uuid().nullable() }),
      status: 202,
    },
    ({ c, workspaceId, audit, body: { filter, preview, ...options } }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        if (preview) return ok(c, { ...(await deadLetterTargets(tx, filter)), jobId: null });
        const retry = await retryDeadLetters(tx, deps, plan, { ...options, workspaceId, filter });
        const { jobId, ...details } = retry;
        await audit(tx, { action: "dead_letters.retried", subject: { kind: "job", id: jobId }, details });
        return retry;
      }),
  ),
];
