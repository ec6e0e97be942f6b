/**
 * One field of one prospect, as a job of a plain job system does it: read the prospect, ask the sources in their order,
 * write the value. The same sources, rules, queries and tables as ours; a chunk of one prospect stands for the prospect.
 */
import type { Tx } from "#db/client.ts";
import { type NewApproval, requestApprovals } from "#db/queries/approvals.ts";
import {
  failProspectsByField,
  type NewFieldValue,
  type Target,
  targetsOfField,
  writeFieldValues,
} from "#db/queries/field-values.ts";
import type { Field } from "#functions/enrichment/define-field.ts";
import type { Stage } from "#functions/enrichment/define-stage.ts";
import type { Source, SourceAnswer } from "#functions/enrichment/source.ts";
import type { Deps } from "#src/deps.ts";
import { attributesOf, ineligibleBecause } from "#src/domain/enrichment/eligibility.ts";
import { maskPersonalNumbersDeep } from "#src/domain/registry/personal-numbers.ts";
import { REVIEW_MS } from "#src/platform/approvals.ts";
import type { RunnableField } from "#src/platform/chunk-work.ts";

export interface Bench {
  deps: Deps;
  /** Each statement is a transaction of its own. */
  tx: Tx;
  workspaceId: string;
  jobId: string;
}

export interface ProspectJob {
  prospectId: string;
  /** The chunk that holds this prospect alone. */
  chunkId: string;
  isNaturalPerson: boolean;
  /** It was scored before: this is the flow that followed. */
  again: boolean;
}

/** Worth another attempt. */
export class TryAgainError extends Error {}

/** @throws TryAgainError unless this is the `last` attempt */
export async function enrichField(
  bench: Bench,
  { field, line, last }: { field: Field; line: RunnableField; last: boolean },
  job: ProspectJob,
): Promise<string> {
  const { tx } = bench;
  const key = keyOf(bench, line.id, job);
  const view = { needs: line.needs, attributes: attributesOf(line.when) };
  const [target] = await targetsOfField(tx, key, view);
  if (!target || ineligibleBecause(line.when, factsOf(target)) !== null) return "skipped";
  // A field shows its sources without their way of asking to those who only estimate.
  const answer = await waterfall(bench, field.sources as readonly Source<unknown>[], line, key, target);
  if (!answer) return "skipped";
  const { said } = answer;
  if ((said.status === "failed" && said.retryable) || said.status === "unavailable") {
    if (!last) throw new TryAgainError(said.status === "failed" ? said.code : said.status);
  }
  await writeFieldValues(tx, key, [toFieldValue(bench.deps, target, answer, line)]);
  if (said.status === "review") {
    await requestApprovals(tx, key, [approvalOf(bench.deps, target, answer.source, said, line)]);
  }
  if (line.required && (said.status === "failed" || said.status === "unavailable")) {
    await failProspectsByField(tx, key);
  }
  return said.status;
}

/** Merge or score of one prospect. */
export async function runStage(bench: Bench, stage: Stage, job: ProspectJob): Promise<void> {
  await stage.run(bench.tx, keyOf(bench, stage.id, job), bench.deps);
}

interface Heard {
  source: string;
  said: Exclude<SourceAnswer<unknown>, { status: "passed" }>;
  spentMicros: number;
}

async function waterfall(
  { deps }: Bench,
  sources: readonly Source<unknown>[],
  { maxCostMicros = Number.POSITIVE_INFINITY }: RunnableField,
  key: ReturnType<typeof keyOf>,
  target: Target,
): Promise<Heard | null> {
  const RANK = { found: 0, review: 1, notFound: 2, failed: 3, unavailable: 4, paused: 5 };
  let best: Heard | null = null;
  let spentMicros = 0;
  for (const source of sources) {
    if (spentMicros + (source.priceMicros?.(deps) ?? 0) > maxCostMicros) continue;
    const said = (await source.ask(deps, key, [target])).get(target.id);
    if (!said || said.status === "passed") continue;
    spentMicros += "costMicros" in said ? (said.costMicros ?? 0) : 0;
    const heard: Heard = { source: source.provider, said, spentMicros };
    if (said.status === "found") return heard;
    if (!best || RANK[said.status] < RANK[best.said.status]) best = heard;
  }
  return best && { ...best, spentMicros };
}

function toFieldValue(
  deps: Deps,
  { id }: Target,
  { source, said, spentMicros }: Heard,
  { freshMs, absentMs }: RunnableField,
): NewFieldValue {
  const shared = { prospectId: id, source, costMicros: spentMicros };
  const empty = { ...shared, value: null, confidencePct: null, snapshotId: null, errorCode: null };
  const now = deps.now();
  const later = (from: Date, ms: number) => new Date(from.getTime() + ms);
  switch (said.status) {
    case "found": {
      const { confidencePct, snapshotId, observedAt } = said;
      const value = maskPersonalNumbersDeep(said.value as Record<string, unknown>);
      const found = { ...shared, value, confidencePct, snapshotId, errorCode: null, observedAt };
      return { ...found, status: "found", freshUntil: later(observedAt, freshMs) };
    }
    case "review": {
      const { snapshotId, observedAt } = said;
      return { ...empty, status: "in_review", snapshotId, observedAt, freshUntil: later(now, REVIEW_MS) };
    }
    case "notFound": {
      const { snapshotId, observedAt } = said;
      const freshUntil = later(observedAt, absentMs);
      return { ...empty, status: "not_found", snapshotId, observedAt, freshUntil };
    }
    default: {
      const errorCode = said.status === "failed" ? said.code : "provider_unavailable";
      return { ...empty, status: "failed", errorCode, observedAt: now, freshUntil: now };
    }
  }
}

function approvalOf(
  deps: Deps,
  { id }: Target,
  source: string,
  { value, confidencePct, reasons }: Extract<SourceAnswer<unknown>, { status: "review" }>,
  { freshMs }: RunnableField,
): NewApproval {
  return {
    ...{ prospectId: id, source, value: value as Record<string, unknown>, confidencePct, reasons },
    freshForMs: freshMs,
    defaultDecision: "reject",
    expiresAt: new Date(deps.now().getTime() + REVIEW_MS),
  };
}

const keyOf = ({ workspaceId, jobId }: Bench, field: string, { chunkId }: ProspectJob) => ({
  ...{ workspaceId, jobId, field, chunkId },
  attempt: 1,
  runId: "bullmq",
});

const factsOf = ({ isNaturalPerson, tier, values, golden }: Target) => ({
  isNaturalPerson,
  tier,
  attributes: Object.assign({}, golden, ...Object.values(values)),
});
