import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listAudit } from "#db/queries/audit.ts";
import type { Deps } from "#src/deps.ts";
import { type Endpoint, endpoint, Instant, Page, PageQuery } from "../endpoint.ts";

const text = z.string().min(1).max(200);
const instant = z.iso
  .datetime({ offset: true })
  .transform((value) => new Date(value))
  .optional();

const Entry = z.object({
  seq: z.int().describe("Its place in the workspace's chain."),
  at: Instant,
  actor: z.object({ kind: z.string(), id: z.string() }),
  action: z.string(),
  subject: z.object({ kind: z.string(), id: z.string().nullable() }),
  legalBasis: z.string().nullable(),
  correlationId: z.string().nullable().describe("The request's or the job's id."),
  ip: z.string().nullable(),
  details: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe("Null: there were none, or they were erased: then `detailsErased` says so."),
  detailsErased: z.boolean(),
  previousHash: z.string(),
  hash: z.string().describe("SHA-256 over the entry and the hash before it, hexadecimal."),
});

export const auditEndpoints = ({ db }: Deps): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/audit",
      tag: "audit",
      role: "admin",
      summary: "Who did what to what, the newest first",
      query: PageQuery.extend({
        actor: text.optional().describe("The id of a user or key, or the name of the part of us that acted."),
        action: text.optional().describe("A whole action, or all of a noun: `merge.`"),
        subjectKind: text.optional(),
        subjectId: text.optional(),
        from: instant,
        to: instant.describe("Exclusive."),
        cursor: z.coerce
          .number()
          .int()
          .positive()
          .optional()
          .describe("`meta.nextCursor` of the page before."),
      }),
      answer: z.array(Entry),
      paged: true,
    },
    async ({ workspaceId, query: { actor, cursor, limit, ...filter } }) => {
      const rows = await inWorkspace(db, workspaceId, (tx) =>
        listAudit(tx, { filter: { ...filter, actorId: actor }, beforeSeq: cursor ?? null, limit: limit + 1 }),
      );
      const entries = rows.map(
        ({ actorKind, actorId, subjectKind, subjectId, detailsDigest, details, ...row }) => ({
          ...row,
          actor: { kind: actorKind, id: actorId },
          subject: { kind: subjectKind, id: subjectId },
          ip: details?.ip ?? null,
          details: details && { ...details.details },
          detailsErased: details === null && detailsDigest !== null,
        }),
      );
      return Page.of(entries, limit, ({ seq }) => seq);
    },
  ),
];
