/** Which prospects a request is about, which fields, and what it may cost: shared by all routes that start work. */
import { z } from "zod";
import { prospectStatuses, tiers } from "#db/schema/prospects.ts";
import { InvalidInputError } from "#src/domain/errors.ts";
import type { RunnablePlan } from "#src/platform/chunk-work.ts";

/** All that is named must hold; `{}` selects every prospect of the workspace. */
export const Selection = z.strictObject({
  importId: z.uuid().optional(),
  status: z.enum(prospectStatuses).optional(),
  tier: z.enum(tiers).optional(),
  county: z.string().min(1).max(100).optional(),
  cui: z.int().positive().max(9_999_999_999).optional(),
  ids: z.array(z.uuid()).min(1).max(100).optional(),
});

/** Micro-euros: a million make a euro. */
const micros = z.int().min(0).max(1_000_000_000_000);

/** What work may cost and how it is wanted. */
export const WorkOptions = z.strictObject({
  /** Ids of fields; those that they need come with them. Default: all. */
  fields: z.array(z.string()).min(1).optional(),
  /** What its paid calls may cost at most, together and for each prospect. Default: the workspace's budgets alone. */
  maxCostMicros: micros.nullable().default(null),
  maxCostMicrosPerProspect: micros.nullable().default(null),
  /** Seconds by which it jumps ahead of other work. */
  priority: z.int().min(0).max(600).default(0),
});

/** @throws InvalidInputError that names the first field which the plan does not have */
export function checkFields(plan: RunnablePlan, fields: readonly string[] | undefined): void {
  const known = plan.fields.map(({ id }) => id);
  const unknown = fields?.find((field) => !known.includes(field));
  if (unknown === undefined) return;
  throw new InvalidInputError(
    "unknown_field",
    `There is no field "${unknown.slice(0, 100)}". Use some of: ${known.join(", ")}.`,
    { field: "fields" },
  );
}
