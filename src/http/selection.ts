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

const euros = z.number().min(0).max(1_000_000);

/** What work may cost and how it is wanted. */
export const WorkOptions = z.strictObject({
  /** Ids of fields; those that they need come with them. Default: all. */
  fields: z.array(z.string()).min(1).optional(),
  maxCostEuros: euros.optional(),
  maxCostEurosPerProspect: euros.optional(),
  /** Seconds by which it jumps ahead of other work. */
  priority: z.int().min(0).max(600).default(0),
});

/** Euros of the API in the micro-euros that we count in; null where none were given. */
export const toMicros = (amount: number | undefined): number | null =>
  amount === undefined ? null : Math.round(amount * 1_000_000);

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
