import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listMerges } from "#db/queries/merges.ts";
import type { Deps } from "#src/deps.ts";
import { REVIEW } from "#src/domain/matching/match.ts";
import { findDuplicates, mergeProspects, undoMerge } from "#src/platform/merges.ts";
import { type Endpoint, endpoint, IdParams, Page } from "../endpoint.ts";
import { freeText } from "../plain-text.ts";

const Reason = z.object({ part: z.string(), points: z.number() });
const Compared = z.object({ id: z.uuid(), cui: z.int(), name: z.string() });
const Duplicate = z.object({
  one: Compared,
  other: Compared,
  /** Points of 100; the reasons add up to it before it is cut to that range. */
  score: z.number(),
  reasons: z.array(Reason),
  decision: z.enum(["match", "review"]),
});
const Merge = z.object({
  id: z.uuid(),
  keptId: z.uuid(),
  reason: z.string(),
  mergedBy: z.string(),
  createdAt: z.iso.datetime(),
  undoneAt: z.iso.datetime().nullable(),
  undoneBy: z.string().nullable(),
  merged: z.array(
    z.object({
      prospectId: z.uuid(),
      cui: z.int(),
      name: z.string(),
      scorePct: z.int(),
      reasons: z.array(Reason),
    }),
  ),
});

/** On which prospects are compared and shown: a purpose's in the legal-basis register. */
const legalBasis = "legitimate_interest";

export const mergeEndpoints = ({ db, now }: Deps): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/duplicates",
      tag: "merges",
      role: "viewer",
      summary: "Pairs of prospects that may be one business, with a score and its reasons",
      description:
        "A page goes through 200 prospects and may be empty; `meta.nextCursor` is null after the last.",
      query: z.strictObject({
        minScore: z.coerce
          .number()
          .int()
          .min(0)
          .max(100)
          .default(REVIEW)
          .describe("Points of 100; from 90 on a pair is taken to be one business."),
        cursor: z.uuid().optional(),
      }),
      answer: z.array(Duplicate),
      paged: true,
    },
    ({ workspaceId, audit, query: { cursor, minScore } }) =>
      inWorkspace(db, workspaceId, async (tx) => {
        const { duplicates, nextId } = await findDuplicates(tx, { afterId: cursor ?? null, minScore });
        const details = { count: duplicates.length };
        await audit(tx, { action: "duplicates.viewed", subject: { kind: "prospect" }, legalBasis, details });
        return new Page(duplicates, nextId);
      }),
  ),
  endpoint(
    {
      method: "post",
      path: "/merges",
      tag: "merges",
      role: "operator",
      summary: "Merges prospects into one, which stands for all from then on",
      body: z.strictObject({
        keepId: z.uuid(),
        mergeIds: z.array(z.uuid()).min(1).max(20),
        reason: freeText(500),
      }),
      answer: z.object({ mergeId: z.uuid() }),
      status: 201,
    },
    async ({ workspaceId, principal, audit, body }) => {
      const mergeId = await inWorkspace(db, workspaceId, async (tx) => {
        const id = await mergeProspects(tx, { ...body, workspaceId, by: principal.id }, now());
        const { keepId, mergeIds } = body;
        await audit(tx, {
          action: "merge.done",
          subject: { kind: "merge", id },
          details: { keepId, mergeIds },
        });
        return id;
      });
      return { mergeId };
    },
  ),
  endpoint(
    {
      method: "get",
      path: "/merges",
      tag: "merges",
      role: "viewer",
      summary: "What was merged, the newest first",
      query: z.strictObject({
        prospectId: z.uuid().optional(),
        limit: z.coerce.number().int().min(1).max(200).default(50),
        cursor: z.uuid().optional(),
      }),
      answer: z.array(Merge),
      paged: true,
    },
    ({ workspaceId, audit, query: { prospectId = null, cursor = null, limit } }) =>
      inWorkspace(db, workspaceId, async (tx) => {
        const rows = await listMerges(tx, { prospectId, beforeId: cursor, limit: limit + 1 });
        const page = Page.of(rows, limit, ({ id }) => id);
        const details = { count: page.items.length };
        await audit(tx, { action: "merges.viewed", subject: { kind: "merge" }, legalBasis, details });
        return page;
      }),
  ),
  endpoint(
    {
      method: "post",
      path: "/merges/:id/undo",
      tag: "merges",
      role: "operator",
      summary: "Undoes a merge, as if it had never been",
      params: IdParams,
      answer: z.object({ mergeId: z.uuid(), status: z.literal("undone") }),
    },
    async ({ workspaceId, principal, audit, params: { id } }) => {
      await inWorkspace(db, workspaceId, async (tx) => {
        await undoMerge(tx, { id, by: principal.id }, now());
        await audit(tx, { action: "merge.undone", subject: { kind: "merge", id } });
      });
      return { mergeId: id, status: "undone" as const };
    },
  ),
];
