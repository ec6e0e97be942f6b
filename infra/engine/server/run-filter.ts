import { z } from "zod";
import { expressionProblem } from "../expressions.ts";
import type { BulkRequest } from "../operations/bulk.ts";
import { newId } from "../protocol/ids.ts";
import type { Registry } from "../registry.ts";
import type { RunFilter } from "../state/run-queries.ts";
import { refuse } from "./requests.ts";

/** What runs are called over the API; the place is the number, as in RunStatus. */
export const STATUSES = ["Running", "Completed", "Failed", "Cancelled"] as const;

const LATEST_MS = 2 ** 48 - 1;

/** ISO 8601, in UTC where it has no offset; becomes epoch milliseconds. */
export const instant = z.iso
  .datetime({ local: true, offset: true })
  .transform((text) => Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`));

export const expression = z
  .string()
  .min(1)
  .refine((source) => expressionProblem(source) === null, "is no CEL expression");

/** Which runs: by function, status and the time at which they were queued. */
export const filterSchema = z.object({
  function: z.string().optional(),
  status: z.enum(STATUSES).optional(),
  from: instant.optional(),
  to: instant.optional(),
});

export const bulkSchema = filterSchema
  .extend({
    id: z.string().min(1).max(200),
    kind: z.enum(["cancel", "replay"]),
    if: expression.optional(),
    ratePerSecond: z.int().min(1).max(1_000).default(100),
  })
  .strict();

/** A filter with its function looked up; a refusal when there is no such function. */
export function readFilter(registry: Registry, asked: z.output<typeof filterSchema>): RunFilter {
  const fn = asked.function === undefined ? null : registry.bySlug(asked.function);
  if (asked.function !== undefined && !fn) refuse(400, `There is no function "${asked.function}".`);
  return {
    fnId: fn?.id ?? null,
    status: asked.status === undefined ? null : STATUSES.indexOf(asked.status),
    fromMs: asked.from ?? 0,
    toMs: asked.to ?? LATEST_MS,
  };
}

/** A bulk operation as it is asked for; what failed is replayed unless told otherwise. */
export function readBulk(
  registry: Registry,
  asked: Omit<z.output<typeof bulkSchema>, "id"> & { id?: string },
): BulkRequest {
  const { kind, status = kind === "cancel" ? "Running" : "Failed" } = asked;
  if ((status === "Running") !== (kind === "cancel"))
    refuse(400, "Running runs can be cancelled, ended ones replayed.");
  const filter = readFilter(registry, { ...asked, status, to: asked.to ?? Date.now() });
  return {
    id: asked.id ?? newId(),
    kind,
    rate: asked.ratePerSecond,
    filter: { ...filter, if: asked.if ?? null },
  };
}
