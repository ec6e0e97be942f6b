/** Asks again about what failed for good, as one job. */
import type { Tx } from "#db/client.ts";
import { type DeadLetterFilter, deadLetterTargets } from "#db/queries/dead-letters.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import type { ChunkWorkDeps, RunnablePlan } from "../chunk-work.ts";
import { type EnrichRequest, requestEnrichment } from "../enrich-jobs.ts";

export interface Retry {
  prospects: number;
  fields: string[];
  jobId: string;
}

/** @throws NotFoundError when nothing matches that this release could ask about */
export async function retryDeadLetters(
  tx: Tx,
  deps: ChunkWorkDeps,
  plan: RunnablePlan,
  { filter, ...options }: { filter: DeadLetterFilter } & Omit<EnrichRequest, "selection" | "fields">,
): Promise<Retry> {
  const { prospects, fields } = await deadLetterTargets(tx, filter);
  const known = fields.filter((field) => plan.fields.some(({ id }) => id === field));
  if (known.length === 0) throw new NotFoundError("nothing_to_retry", "No dead letter matches.");
  const request = { ...options, selection: { deadLetters: filter }, fields: known };
  return { prospects, fields: known, jobId: await requestEnrichment(tx, deps, plan, request) };
}
