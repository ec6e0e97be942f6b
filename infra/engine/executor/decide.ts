import { canonicalJson } from "../protocol/canonical-json.ts";
import { parseInstantMs } from "../protocol/durations.ts";
import { stepErrorMemo } from "../protocol/errors.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { type Op, opName, RUN_OP_ID } from "../protocol/ops.ts";
import { goOnPartition } from "../scheduler/partitions.ts";
import {
  type FailedAttemptRow,
  ItemKind,
  type QueueItem,
  RunStatus,
  type StepRow,
  WaitKind,
  type WaitRow,
} from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";
import type { Outcome } from "./outcome.ts";
import { NO_KEY, waitKey } from "./wait-keys.ts";
import { waitProblem, waitTimeoutId } from "./waits.ts";

/** A step that calls another function; the caller turns it into a run of that function. */
export interface Invocation {
  stepId: string;
  name: string;
  functionSlug: string;
  payload: Record<string, unknown>;
  deadlineMs: number;
}

/** What an outcome changes. The run in memory is changed already; this is what must become durable. */
export interface Decision {
  steps: StepRow[];
  items: QueueItem[];
  invocations: Invocation[];
  waits: WaitRow[];
  failedAttempts: FailedAttemptRow[];
  /** Waits for a signal that another step takes over; they stay pending until they time out. */
  replacedWaits: { runId: string; stepId: string }[];
  version: number | null;
  /** Set when the run ends here. */
  end: { status: number; output: string } | null;
  /** Whether the executed item is done with (and not replaced by one of `items`). */
  itemDone: boolean;
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
  const decision: Decision = {
    steps: [],
    items: [],
    invocations: [],
    waits: [],
    failedAttempts: [],
    replacedWaits: [],
    version: null,
    end: null,
    itemDone: true,
  };
  if (outcome.kind === "complete") {
    decision.end = { status: RunStatus.completed, output: outcome.output };
  } else if (outcome.kind === "error") {
    retryOrEnd(facts, decision, outcome.error, outcome.retriable, outcome.retryAfterMs);
  } else {
    applyOps(facts, decision, outcome);
  }
  return settle(facts, decision);
}

/** Memoizes the steps of a checkpoint; an op that is no finished step is refused (the SDK then reports it itself). */
export function decideCheckpoint(run: RunState, ops: Op[]): StepRow[] | null {
  if (!ops.every((op) => op.op === "StepRun" || op.op === "Step")) return null;
  return ops.map((op) => finishStep(run, op)).filter((row) => row !== null);
}

/** The item that lets the run's function go on; null when one is waiting or being executed already. */
export function goOn(run: RunState, nowMs: number): QueueItem | null {
  if (run.go === "running") run.goAgain = true;
  if (run.go !== "none") return null;
  run.go = "queued";
  return goItem(run, nowMs, 0);
}

function applyOps(
  facts: DecisionFacts,
  decision: Decision,
  outcome: Extract<Outcome, { kind: "ops" }>,
): void {
  const { run, nowMs } = facts;
  if (outcome.version !== null && outcome.version !== run.version) {
    run.version = outcome.version;
    decision.version = outcome.version;
  }
  let finished = false;
  let raced = false;
  for (const op of outcome.ops) {
    if (op.op === "RunComplete") {
      // An op before it that cannot be done fails the run.
      decision.end ??= { status: RunStatus.completed, output: canonicalJson(op.data ?? null) };
    } else if (op.op === "StepRun" || op.op === "Step") {
      push(decision.steps, finishStep(run, op));
      finished = true;
    } else if (op.op === "StepError" || op.op === "StepFailed") {
      const last = op.op === "StepFailed" || facts.item.attempt + 1 >= facts.fn.maxAttempts;
      if (op.id === RUN_OP_ID)
        retryOrEnd(facts, decision, canonicalJson(op.error ?? {}), !last, outcome.retryAfterMs);
      else if (last) {
        const row = run.finish(op.id, stepErrorMemo(op.error), op.op, opName(op));
        push(decision.steps, row && told(row, op));
        finished = true;
      } else retry(facts, decision, op.id, stepErrorMemo(op.error), outcome.retryAfterMs);
    } else if (op.op === "DiscoveryRequest") {
      finished = true;
    } else {
      planStep(facts, decision, op);
    }
    raced ||= op.opts?.parallelMode === "race";
    if (run.steps.size > MAX_STEPS) fail(decision, `The run has more than ${MAX_STEPS} steps.`);
  }
  if (outcome.ops.length === 0) fail(decision, "The app answered with an empty list of steps.");
  if (decision.end || !decision.itemDone) return;
  const planned = decision.items.length + decision.invocations.length > 0;
  const everyStepCallsOn = run.version === 1 || raced;
  if (!run.hasPending || (finished && everyStepCallsOn)) {
    if (facts.item.kind !== ItemKind.step) run.go = "none";
    push(decision.items, goOn(run, nowMs));
  } else if (!planned && !finished && facts.item.kind === ItemKind.step) {
    fail(decision, "The app did not report the step that it was asked to run.");
  }
}

function planStep(facts: DecisionFacts, decision: Decision, op: Op): void {
  const { run, fn, nowMs } = facts;
  const name = opName(op);
  const partition = goOnPartition(fn.id, run.keys);
  const item = (kind: number, prefix: string, dueAtMs: number): QueueItem => ({
    id: `${prefix}:${op.id}`,
    runId: run.id,
    fnId: fn.id,
    partition,
    kind,
    stepId: op.id,
    attempt: 0,
    dueAtMs,
    score: dueAtMs,
  });
  if (op.op === "StepPlanned") {
    const row = run.plan(op.id, op.op, name);
    if (row) {
      decision.steps.push(told(row, op));
      decision.items.push(item(ItemKind.step, "s", nowMs));
    }
  } else if (op.op === "Sleep") {
    const untilMs = parseInstantMs(op.name ?? "", nowMs);
    if (untilMs === null) {
      fail(decision, `Step "${name}" sleeps for "${op.name}", which is no duration or date.`);
      return;
    }
    const row = run.plan(op.id, op.op, name);
    if (row) {
      decision.steps.push(told(row, op));
      decision.items.push(item(ItemKind.sleep, "z", untilMs));
    }
  } else if (op.op === "InvokeFunction") {
    const timeout = op.opts?.timeout;
    const deadlineMs = typeof timeout === "string" ? parseInstantMs(timeout, nowMs) : nowMs + YEAR_MS;
    const slug = op.opts?.function_id;
    if (deadlineMs === null || typeof slug !== "string") {
      fail(decision, `Step "${name}" invokes with bad options.`);
      return;
    }
    const row = run.plan(op.id, op.op, name, deadlineMs);
    if (!row) return;
    decision.steps.push(told(row, op));
    const payload = (op.opts?.payload ?? {}) as Record<string, unknown>;
    decision.invocations.push({ stepId: op.id, name, functionSlug: slug, payload, deadlineMs });
    if (typeof timeout === "string") decision.items.push(item(ItemKind.invokeTimeout, "i", deadlineMs));
  } else if (op.op === "WaitForEvent" || op.op === "WaitForSignal") {
    planWait(facts, decision, op, (dueAtMs) => ({
      ...item(ItemKind.waitTimeout, "", dueAtMs),
      id: waitTimeoutId(op.id),
    }));
  } else {
    fail(decision, `Step "${name}" uses "${op.op}", which the local engine does not support yet.`);
  }
}

function planWait(
  facts: DecisionFacts,
  decision: Decision,
  op: Op,
  timeoutAt: (dueAtMs: number) => QueueItem,
): void {
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
    decision.replacedWaits.push(taken);
  }
  const row = run.plan(op.id, op.op, name);
  if (!row) return;
  const expression = typeof condition === "string" ? condition : null;
  const event: unknown = JSON.parse(run.events[0] ?? "{}");
  const key = kind === WaitKind.signal ? NO_KEY : waitKey(expression, event);
  decision.steps.push(told(row, op));
  decision.items.push(timeoutAt(untilMs));
  decision.waits.push({ runId: run.id, stepId: op.id, kind, name: awaited, ...key, expression, atMs: nowMs });
}

function finishStep(run: RunState, op: Op): StepRow | null {
  const row = run.finish(op.id, `{"data":${canonicalJson(op.data ?? null)}}`, op.op, opName(op));
  return row && told(row, op);
}

/** The step with what the SDK tells of it beside its result, for people to see. */
function told(row: StepRow, op: Op): StepRow {
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
    retry(facts, decision, "", error, retryAfterMs);
  else decision.end = { status: RunStatus.failed, output: error };
}

function retry(
  facts: DecisionFacts,
  decision: Decision,
  stepId: string,
  error: string,
  retryAfterMs: number | null,
): void {
  const { item, run, nowMs } = facts;
  decision.failedAttempts.push({ runId: run.id, stepId, attempt: item.attempt, error, atMs: nowMs });
  const dueAtMs = nowMs + (retryAfterMs ?? facts.retryDelayMs(item.attempt));
  decision.itemDone = false;
  decision.items.push({
    ...item,
    kind: item.kind === ItemKind.start ? ItemKind.goOn : item.kind,
    partition: goOnPartition(item.fnId, run.keys),
    attempt: item.attempt + 1,
    dueAtMs,
    score: dueAtMs,
  });
}

/** Brings the run's "go on" item in line with the decision. */
function settle(facts: DecisionFacts, decision: Decision): Decision {
  const { run, item, nowMs } = facts;
  if (decision.end) {
    run.ended = true;
    run.go = "none";
    return { ...decision, items: [], invocations: [], waits: [], itemDone: false };
  }
  if (item.kind === ItemKind.step) return decision;
  const replaced = decision.items.some((next) => next.id === item.id);
  if (replaced) run.go = "queued";
  else if (run.goAgain) {
    run.go = "queued";
    decision.items.push(goItem(run, nowMs, 0));
  } else run.go = "none";
  run.goAgain = false;
  decision.itemDone = run.go === "none";
  return decision;
}

function goItem(run: RunState, nowMs: number, attempt: number): QueueItem {
  return {
    id: "go",
    runId: run.id,
    fnId: run.fnId,
    partition: goOnPartition(run.fnId, run.keys),
    kind: ItemKind.goOn,
    stepId: null,
    attempt,
    dueAtMs: nowMs,
    score: nowMs,
  };
}

function fail(decision: Decision, message: string): void {
  const error = { message, name: "EngineError", stack: `EngineError: ${message}` };
  decision.end = { status: RunStatus.failed, output: canonicalJson(error) };
}

function push<T>(list: T[], value: T | null): void {
  if (value !== null) list.push(value);
}
