import { canonicalJson } from "../protocol/canonical-json.ts";
import { parseInstantMs } from "../protocol/durations.ts";
import { stepErrorMemo } from "../protocol/errors.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { type Op, opName, RUN_OP_ID } from "../protocol/ops.ts";
import { goOnPartition } from "../scheduler/partitions.ts";
import {
  type Change,
  emptyChange,
  ItemKind,
  type QueueItem,
  RunStatus,
  type STEP_ITEMS,
  type StepRow,
  WaitKind,
} from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";
import type { Outcome } from "./outcome.ts";
import type { Invocation, RunEnd } from "./run-events.ts";
import { NO_KEY, waitKey, waitProblem } from "./wait-keys.ts";

/** What an outcome changes. The run in memory is changed already; `change` is what must become durable. */
export interface Decision {
  change: Change;
  invocations: Invocation[];
  /** Set when the run ends here. */
  end: RunEnd | null;
}

export interface DecisionFacts {
  run: RunState;
  fn: FunctionSpec;
  item: QueueItem;
  nowMs: number;
  /** The wait before the next attempt when the app named none. */
  retryDelayMs: (failedAttempt: number) => number;
  /** Who waits already for the signals that the outcome's steps want to wait for, by signal. */
  signalWaiters?: ReadonlyMap<string, { runId: string; stepId: string }>;
}

/** How long an invoke waits when it names no timeout. */
const YEAR_MS = 365 * 86_400_000;
const MAX_STEPS = 1_000;

/** Turns an outcome into changes: memoized steps, planned work, a retry, or the run's end. */
export function decide(facts: DecisionFacts, outcome: Outcome): Decision {
  const decision: Decision = { change: emptyChange(), invocations: [], end: null };
  if (outcome.kind === "complete") {
    decision.end = { status: RunStatus.completed, output: outcome.output };
  } else if (outcome.kind === "error") {
    retryOrEnd(facts, decision, outcome.error, outcome.retriable, outcome.retryAfterMs);
  } else {
    applyOps(facts, decision, outcome);
  }
  return endItem(facts, decision);
}

/** Memoizes the steps of a checkpoint; an op that is no finished step is refused (the SDK then reports it itself). */
export function decideCheckpoint(run: RunState, ops: Op[]): StepRow[] | null {
  if (!ops.every(isFinished)) return null;
  return ops.map((op) => finish(run, op)).filter((row) => row !== null);
}

function applyOps(
  facts: DecisionFacts,
  decision: Decision,
  outcome: Extract<Outcome, { kind: "ops" }>,
): void {
  const { run, item, nowMs } = facts;
  const { change } = decision;
  if (outcome.version !== null && outcome.version !== run.version) {
    run.version = outcome.version;
    change.versions.push({ runId: run.id, version: outcome.version });
  }
  let finished = false;
  let raced = false;
  for (const op of outcome.ops) {
    if (op.op === "RunComplete") {
      // An op before it that cannot be done fails the run.
      decision.end ??= { status: RunStatus.completed, output: canonicalJson(op.data ?? null) };
    } else if (isFinished(op)) {
      addStep(change, finish(run, op));
      finished = true;
    } else if (op.op === "StepError" || op.op === "StepFailed") {
      const last = op.op === "StepFailed" || item.attempt + 1 >= facts.fn.maxAttempts;
      if (op.id === RUN_OP_ID)
        retryOrEnd(facts, decision, canonicalJson(op.error ?? {}), !last, outcome.retryAfterMs);
      else if (last) {
        addStep(change, told(run.finish(op.id, stepErrorMemo(op.error), op.op, opName(op)), op));
        finished = true;
      } else retry(facts, change, op.id, stepErrorMemo(op.error), outcome.retryAfterMs);
    } else if (op.op === "DiscoveryRequest") {
      finished = true;
    } else {
      planStep(facts, decision, op);
    }
    raced ||= op.opts?.parallelMode === "race";
    if (run.steps.size > MAX_STEPS) fail(decision, `The run has more than ${MAX_STEPS} steps.`);
  }
  if (outcome.ops.length === 0) fail(decision, "The app answered with an empty list of steps.");
  if (decision.end || isAgain(change, item)) return;
  const planned = change.items.length + decision.invocations.length > 0;
  const everyStepCallsOn = run.version === 1 || raced;
  if (!run.hasPending || (finished && everyStepCallsOn)) {
    if (item.kind !== ItemKind.step) run.go = "none";
    run.goOn(nowMs, change);
  } else if (!planned && !finished && item.kind === ItemKind.step) {
    fail(decision, "The app did not report the step that it was asked to run.");
  }
}

/** A step that is not done here and now: run by a call of its own, or ended by time, an event or another run. */
function planStep(facts: DecisionFacts, decision: Decision, op: Op): void {
  const { nowMs } = facts;
  const name = opName(op);
  if (op.op === "StepPlanned") {
    plan(facts, decision, op, ItemKind.step, nowMs);
  } else if (op.op === "Sleep") {
    const untilMs = parseInstantMs(op.name ?? "", nowMs);
    if (untilMs === null)
      fail(decision, `Step "${name}" sleeps for "${op.name}", which is no duration or date.`);
    else plan(facts, decision, op, ItemKind.sleep, untilMs);
  } else if (op.op === "InvokeFunction") {
    planInvoke(facts, decision, op);
  } else if (op.op === "WaitForEvent" || op.op === "WaitForSignal") {
    planWait(facts, decision, op);
  } else {
    fail(decision, `Step "${name}" uses "${op.op}", which the local engine does not support yet.`);
  }
}

function planInvoke(facts: DecisionFacts, decision: Decision, op: Op): void {
  const { timeout, function_id: functionSlug, payload } = op.opts ?? {};
  const name = opName(op);
  const timed = typeof timeout === "string";
  const deadlineMs = timed ? parseInstantMs(timeout, facts.nowMs) : facts.nowMs + YEAR_MS;
  if (deadlineMs === null || typeof functionSlug !== "string")
    fail(decision, `Step "${name}" invokes with bad options.`);
  else if (plan(facts, decision, op, timed ? ItemKind.invokeTimeout : null, deadlineMs))
    decision.invocations.push({
      stepId: op.id,
      name,
      functionSlug,
      payload: (payload ?? {}) as Record<string, unknown>,
      deadlineMs,
    });
}

function planWait(facts: DecisionFacts, decision: Decision, op: Op): void {
  const { run, nowMs } = facts;
  const name = opName(op);
  const kind = op.op === "WaitForSignal" ? WaitKind.signal : WaitKind.event;
  const awaited = kind === WaitKind.signal ? op.opts?.signal : op.name;
  const { timeout, if: condition, conflict } = op.opts ?? {};
  const untilMs = parseInstantMs(typeof timeout === "string" ? timeout : "365d", nowMs);
  const problem = waitProblem(condition);
  if (typeof awaited !== "string" || awaited === "" || untilMs === null || problem) {
    fail(decision, `Step "${name}" waits with bad options${problem ? `: its expression ${problem}` : ""}.`);
    return;
  }
  const taken = kind === WaitKind.signal ? facts.signalWaiters?.get(awaited) : undefined;
  if (taken && (taken.runId !== run.id || taken.stepId !== op.id)) {
    if (conflict !== "replace") {
      fail(decision, `Step "${name}" cannot wait for the signal "${awaited}": another step waits for it.`);
      return;
    }
    // The former wait stays pending until it times out.
    decision.change.removeWaits.push(taken);
  }
  if (!plan(facts, decision, op, ItemKind.waitTimeout, untilMs)) return;
  const expression = typeof condition === "string" ? condition : null;
  const key = kind === WaitKind.signal ? NO_KEY : waitKey(expression, run.event);
  decision.change.waits.push({
    runId: run.id,
    stepId: op.id,
    kind,
    name: awaited,
    ...key,
    expression,
    atMs: nowMs,
  });
}

/** Notes a planned step, with the item (of this kind) that goes on with it; false when it is known already. */
function plan(
  { run }: DecisionFacts,
  { change }: Decision,
  op: Op,
  kind: keyof typeof STEP_ITEMS | null,
  dueAtMs: number,
): boolean {
  const row = told(run.plan(op.id, op.op, opName(op)), op);
  addStep(change, row);
  if (row && kind !== null) change.items.push(run.stepItem(kind, op.id, dueAtMs));
  return row !== null;
}

function isFinished(op: Op): boolean {
  return op.op === "StepRun" || op.op === "Step";
}

function finish(run: RunState, op: Op): StepRow | null {
  return told(run.finish(op.id, `{"data":${canonicalJson(op.data ?? null)}}`, op.op, opName(op)), op);
}

function addStep(change: Change, row: StepRow | null): void {
  if (row) change.steps.push(row);
}

/** The step with what the SDK tells of it beside its result, for people to see. */
function told(row: StepRow | null, op: Op): StepRow | null {
  if (!row) return null;
  const { type: _type, ...given } = op.opts ?? {};
  const startedNs = Number((op.timing as { a?: unknown } | undefined)?.a);
  return {
    ...row,
    input: Object.keys(given).length > 0 ? canonicalJson(given) : null,
    startedAtMs: startedNs > 0 ? Math.round(startedNs / 1e6) : null,
  };
}

function retryOrEnd(
  facts: DecisionFacts,
  decision: Decision,
  error: string,
  retriable: boolean,
  retryAfterMs: number | null,
): void {
  if (retriable && facts.item.attempt + 1 < facts.fn.maxAttempts)
    retry(facts, decision.change, "", error, retryAfterMs);
  else decision.end = { status: RunStatus.failed, output: error };
}

function retry(
  { item, run, nowMs, retryDelayMs }: DecisionFacts,
  change: Change,
  stepId: string,
  error: string,
  retryAfterMs: number | null,
): void {
  change.failedAttempts.push({ runId: run.id, stepId, attempt: item.attempt, error, atMs: nowMs });
  const dueAtMs = nowMs + (retryAfterMs ?? retryDelayMs(item.attempt));
  change.items.push({
    ...item,
    kind: item.kind === ItemKind.start ? ItemKind.goOn : item.kind,
    partition: goOnPartition(item.fnId, run.keys),
    attempt: item.attempt + 1,
    dueAtMs,
    score: dueAtMs,
  });
}

/** Whether the item is to be executed again. */
function isAgain(change: Change, item: QueueItem): boolean {
  return change.items.some((next) => next.id === item.id);
}

/** Ends the executed item, unless it is to be executed again, and brings the run's "go on" item in line. */
function endItem({ run, item, nowMs }: DecisionFacts, decision: Decision): Decision {
  const { change, end } = decision;
  if (end) {
    run.ended = true;
    run.go = "none";
    // All items and waits of a run go with it.
    return { end, invocations: [], change: { ...change, items: [], waits: [], removeWaits: [] } };
  }
  if (item.kind !== ItemKind.step) {
    run.go = isAgain(change, item) ? "queued" : "none";
    if (run.goAgain) run.goOn(nowMs, change);
    run.goAgain = false;
  }
  change.removeItems.push({ runId: run.id, id: item.id });
  return decision;
}

function fail(decision: Decision, message: string): void {
  const error = { message, name: "EngineError", stack: `EngineError: ${message}` };
  decision.end = { status: RunStatus.failed, output: canonicalJson(error) };
}
