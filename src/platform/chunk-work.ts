/**
 * Drives the chain: whenever work on a chunk ends, the transaction that records it also decides what may start
 * next and writes the events for it into the outbox. No run waits for another; a window per job and field keeps
 * the rest of a large job waiting in Postgres, not in the engine.
 */
import { type Db, inSystem, inWorkspace, type Tx } from "#db/client.ts";
import {
  beginWork,
  chunkWork,
  countFieldResult,
  endWork,
  giveBackWork,
  keepWork,
  type LockedChunk,
  lockChunk,
  overdueWork,
  readyWork,
  requestReadyWork,
  restartWork,
  seizeWork,
  type WorkEnd,
  type WorkKey,
  waitingWork,
} from "#db/queries/chunk-work.ts";
import { countChunkOutcomes, endChunk, failUnfinishedProspects } from "#db/queries/chunks.ts";
import { addDeadLetters, removeDeadLetters } from "#db/queries/dead-letters.ts";
import { countFieldValues, failMissingValues, failProspectsByField } from "#db/queries/field-values.ts";
import { countJobFields, type FieldCounts, noCounts } from "#db/queries/job-fields.ts";
import type { Eligibility } from "#src/domain/enrichment/eligibility.ts";
import {
  nextStage,
  type PlannedField,
  type PlanShape,
  readyFields,
} from "#src/domain/enrichment/next-work.ts";
import { SupersededError } from "#src/domain/errors.ts";
import { type FieldRequest, fieldRequested } from "#src/events/enrichment.ts";
import type { Logger } from "./logger.ts";
import { addToOutbox, markConsumed } from "./outbox.ts";
import { announce } from "./webhooks-out/announce.ts";
import { announceChunkEnd } from "./webhooks-out/job-news.ts";

/** A field of the plan with what it takes to run it. */
export interface RunnableField extends PlannedField {
  /** How long a value stays fresh. */
  freshMs: number;
  /** And that there is none. */
  absentMs: number;
  /** Who is asked about; absent: everybody. */
  when?: Eligibility;
  /** What it may cost for one prospect, over all its sources. */
  maxCostMicros?: number;
  /** Whether its sources are asked in the order they are written in, or in the one that outcomes speak for. */
  order: "fixed" | "learned";
}

export interface RunnablePlan extends PlanShape {
  fields: readonly RunnableField[];
  /** How many chunks of one job a field (or stage) may have requested and not ended, by id. */
  maxOutstanding: ReadonlyMap<string, number>;
}

export interface ChunkWorkDeps {
  db: Db;
  logger: Logger;
  config: { FIELD_DEADLINE_MS: number; FIELD_RETRY_MS: number };
}

/** After so many runs that failed, or were never heard of again, the work has failed for good. */
const MAX_ATTEMPTS = 4;

/** Requested work may wait long in the engine's queue before it is taken for lost. */
const requestDeadlineMs = (deps: ChunkWorkDeps) => deps.config.FIELD_DEADLINE_MS * 6;

const superseded = (key: WorkKey) => new SupersededError(`${key.field} on chunk ${key.chunkId}`);

/**
 * Begins a run: marks its event consumed, takes the work up, and runs `work` in the same transaction. A run that has the
 * work already goes on with it, and its deadline starts anew. False: another attempt has it, it has ended, or the field
 * was paused after it had been requested, and it has been given back.
 */
export function begin<T = true>(
  deps: ChunkWorkDeps,
  key: WorkKey,
  eventId: string | undefined,
  work: (tx: Tx) => Promise<T> = async () => true as T,
): Promise<T | false> {
  return inWorkspace(deps.db, key.workspaceId, async (tx) =>
    (await takeUp(tx, deps, key, eventId)) ? work(tx) : false,
  );
}

async function takeUp(
  tx: Tx,
  deps: ChunkWorkDeps,
  key: WorkKey,
  eventId: string | undefined,
): Promise<boolean> {
  await markConsumed(tx, eventId);
  const { begun, pausedBy } = await beginWork(tx, key, deps.config.FIELD_DEADLINE_MS);
  if (!begun && pausedBy) await giveBackWork(tx, key, pausedBy);
  return begun;
}

/** A run that is one transaction: begins, runs `work`, and finishes. False: as {@link begin}. */
export function runAtOnce<T>(
  deps: ChunkWorkDeps,
  plan: RunnablePlan,
  key: WorkKey,
  eventId: string | undefined,
  work: (tx: Tx) => Promise<T>,
): Promise<T | false> {
  return inWorkspace(deps.db, key.workspaceId, async (tx) => {
    // Before the work itself, as whoever ends work does it.
    const chunk = await lockChunk(tx, key.chunkId);
    if (!(await takeUp(tx, deps, key, eventId))) return false;
    const result = await work(tx);
    await end(tx, deps, plan, key, { status: "done" }, chunk);
    return result;
  });
}

/** Last step of a run that cannot go on before a pause is lifted. What it has written stays. Safe to repeat. */
export function giveBack(deps: ChunkWorkDeps, key: WorkKey, pauseId: string): Promise<void> {
  return inWorkspace(deps.db, key.workspaceId, (tx) => giveBackWork(tx, key, pauseId));
}

/**
 * Runs `work` in a transaction of the run that has the work, and starts its deadline anew.
 * @throws SupersededError when the work is no longer this run's
 */
export function whileMine<T>(deps: ChunkWorkDeps, key: WorkKey, work: (tx: Tx) => Promise<T>): Promise<T> {
  return inWorkspace(deps.db, key.workspaceId, async (tx) => {
    if (!(await keepWork(tx, key, deps.config.FIELD_DEADLINE_MS))) throw superseded(key);
    return work(tx);
  });
}

/**
 * Ends a run: writes what is left to write, records that the work has ended and lets what follows start. Safe to repeat.
 * `ineligible`: prospects of the chunk that the field's rule left out.
 * @throws SupersededError when the work is no longer this run's
 */
export function finish(
  deps: ChunkWorkDeps,
  plan: RunnablePlan,
  key: WorkKey,
  { ineligible = 0, write }: Omit<DoneWork, "status"> = {},
): Promise<void> {
  return inWorkspace(deps.db, key.workspaceId, async (tx) => {
    const chunk = await lockChunk(tx, key.chunkId);
    await end(tx, deps, plan, key, { status: "done", ineligible, write }, chunk);
  });
}

interface DoneWork {
  status: "done";
  ineligible?: number;
  write?: ((tx: Tx) => Promise<void>) | undefined;
}
type FailedWork = Extract<WorkEnd, { status: "failed" }>;

/**
 * After a run has failed: the work is requested again later, with the next attempt, unless the failure is a
 * lasting one or was the last allowed; then what is missing fails and the chain goes on.
 */
export async function afterFailure(
  deps: ChunkWorkDeps,
  plan: RunnablePlan,
  request: FieldRequest,
  failure: { code: string; message: string; lasting: boolean },
): Promise<void> {
  const last = failure.lasting || request.attempt >= MAX_ATTEMPTS;
  await inWorkspace(deps.db, request.workspaceId, async (tx) => {
    if (!last) {
      const delayMs = deps.config.FIELD_RETRY_MS * 2 ** (request.attempt - 1);
      await requestAgain(tx, deps, request, delayMs);
      return;
    }
    const key = { ...request, runId: `failed:${request.attempt}` };
    const chunk = await lockChunk(tx, key.chunkId);
    if (!(await seizeWork(tx, key))) return;
    const how = { status: "failed", code: failure.code, message: failure.message } as const;
    await end(tx, deps, plan, key, how, chunk);
  });
}

/** Starts overdue work again, with a new attempt. Returns how many there were. Call it every few seconds. */
export async function sweepOverdueWork(deps: ChunkWorkDeps, plan: RunnablePlan): Promise<number> {
  const overdue = await inSystem(deps.db, (tx) => overdueWork(tx, 100));
  for (const work of overdue) {
    deps.logger.warn(work, "work did not end by its deadline, starting it again");
    if (work.attempt >= MAX_ATTEMPTS) {
      const failure = { code: "deadline_passed", message: "It never ended by its deadline.", lasting: true };
      await afterFailure(deps, plan, work, failure);
    } else {
      await inWorkspace(deps.db, work.workspaceId, (tx) => requestAgain(tx, deps, work, 0));
    }
  }
  return overdue.length;
}

/**
 * Requests work that is ready and that nothing holds: what a pause held until just now. Returns for how many jobs. Call
 * it every few seconds.
 */
export async function sweepWaitingWork(deps: ChunkWorkDeps, plan: RunnablePlan): Promise<number> {
  const waiting = await inSystem(deps.db, (tx) => waitingWork(tx, 500));
  for (const { fields, ...job } of waiting) {
    await inWorkspace(deps.db, job.workspaceId, (tx) =>
      requestMore(tx, deps, plan, job, inLockOrder(plan, fields), null),
    );
  }
  return waiting.length;
}

/** Lets the first fields start on chunks that were just made, as far as the window allows. */
export async function startChunks(
  tx: Tx,
  deps: ChunkWorkDeps,
  plan: RunnablePlan,
  job: { workspaceId: string; jobId: string; priority?: number },
): Promise<void> {
  await requestMore(tx, deps, plan, job, firstFields(plan), null);
}

/** The fields that a fresh chunk starts with, in the order of their names. */
export const firstFields = (plan: RunnablePlan) => readyFields(plan, new Map()).sort();

/** The plan of a job that asks for some fields only: with what those need. */
export function planOfJob(plan: RunnablePlan, wanted: readonly string[] | null): RunnablePlan {
  if (!wanted) return plan;
  const ids = new Set<string>();
  const add = (id: string) => {
    if (ids.has(id)) return;
    ids.add(id);
    for (const need of plan.fields.find((field) => field.id === id)?.needs ?? []) add(need);
  };
  for (const id of wanted) add(id);
  return { ...plan, fields: plan.fields.filter(({ id, required }) => required || ids.has(id)) };
}

/** Ends work. The caller has locked the chunk, before the work. */
async function end(
  tx: Tx,
  deps: ChunkWorkDeps,
  fullPlan: RunnablePlan,
  key: WorkKey,
  how: DoneWork | FailedWork,
  { seq, valuesVersion, jobFields }: LockedChunk,
): Promise<void> {
  const outcome = await endWork(tx, key, how);
  if (outcome === "already") return;
  if (outcome === "superseded") throw superseded(key);
  if (how.status === "done") await how.write?.(tx);

  const plan = planOfJob(fullPlan, jobFields);
  const field = plan.fields.find((planned) => planned.id === key.field);
  const counts = field ? await settleField(tx, key, field.required, how) : noCounts;
  if (!field && how.status === "failed")
    await failUnfinishedProspects(tx, key.chunkId, `${key.field}_failed`);
  // An optional field changes nothing in how its prospects stand.
  if (!field || field.required) await countChunkOutcomes(tx, key.chunkId);

  const work = await chunkWork(tx, key.chunkId);
  const fields = readyFields(plan, work);
  await readyWork(
    tx,
    { ...key, seq },
    fields.map((id) => ({ id, version: 0 })),
  );
  for (const id of fields) work.set(id, { status: "ready", version: 0, endedOnce: false });
  const touched = inLockOrder(plan, [key.field, ...fields]);
  const requested = await requestMore(tx, deps, plan, key, touched, { id: key.field, counts });
  for (const { chunkId, field: id } of requested) {
    const mine = chunkId === key.chunkId ? work.get(id) : undefined;
    if (mine) mine.status = "requested";
  }
  // Decided last: whether others are under way on this chunk is known only now.
  const stage = nextStage(plan, work, field ? valuesVersion + 1 : valuesVersion);
  if (stage.ready) {
    await readyWork(tx, { ...key, seq }, [stage.ready]);
    await requestMore(tx, deps, plan, key, [stage.ready.id], null);
  }
  if (stage.ended) await announceChunkEnd(tx, key, await endChunk(tx, key.chunkId));
}

/**
 * Transactions that touch several of a job's fields must not lock them crosswise: fields go by name, then the stages
 * in the plan's order, of which a transaction that ends a field starts one at the very end.
 */
export function inLockOrder(plan: RunnablePlan, ids: readonly string[]): string[] {
  const rank = (id: string) => plan.stages.indexOf(id);
  return [...new Set(ids)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

async function settleField(
  tx: Tx,
  key: WorkKey,
  required: boolean,
  how: DoneWork | FailedWork,
): Promise<FieldCounts> {
  if (how.status === "failed") await failMissingValues(tx, key, how.code);
  await countFieldResult(tx, key.chunkId);
  const { skipped, hasDeadLetters, ...counts } = await countFieldValues(tx, key);
  if (counts.failed > 0) {
    await addDeadLetters(tx, key);
    const { jobId, chunkId, field } = key;
    await announce(tx, key.workspaceId, "prospects.failed", {
      jobId,
      chunkId,
      field,
      prospects: counts.failed,
    });
  }
  if (hasDeadLetters) await removeDeadLetters(tx, key);
  if (required && counts.failed > 0) await failProspectsByField(tx, key);
  const ineligible = Math.min(how.status === "done" ? (how.ineligible ?? 0) : 0, skipped);
  return { ...counts, ineligible, skipped: skipped - ineligible };
}

/** Requests what is ready of these fields as far as the window allows, and returns it. `ended` has ended on a chunk. */
async function requestMore(
  tx: Tx,
  deps: ChunkWorkDeps,
  plan: RunnablePlan,
  { workspaceId, jobId, priority = 0 }: { workspaceId: string; jobId: string; priority?: number | undefined },
  ids: readonly string[],
  ended: { id: string; counts: FieldCounts } | null,
): Promise<{ chunkId: string; field: string }[]> {
  const counted = ids.map((id) => ({
    id,
    maxOutstanding: plan.maxOutstanding.get(id) ?? 1,
    counts: id === ended?.id ? ended.counts : noCounts,
  }));
  const free = await countJobFields(tx, { workspaceId, jobId }, counted, ended?.id ?? null);
  const requested = await requestReadyWork(tx, jobId, free, requestDeadlineMs(deps));
  await addToOutbox(
    tx,
    requested.map((work) => fieldRequested.create({ workspaceId, jobId, ...work, priority })),
  );
  return requested;
}

async function requestAgain(tx: Tx, deps: ChunkWorkDeps, work: FieldRequest, delayMs: number): Promise<void> {
  if (!(await restartWork(tx, work, requestDeadlineMs(deps)))) return;
  const { workspaceId, jobId, chunkId, field, attempt, priority } = work;
  const again = fieldRequested.create({
    workspaceId,
    jobId,
    chunkId,
    field,
    attempt: attempt + 1,
    priority: priority ?? 0,
  });
  await addToOutbox(tx, [again], { sendAfterMs: delayMs });
}
