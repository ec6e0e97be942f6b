import { createHash } from "node:crypto";
import type { EngineConfig } from "../config.ts";
import { buildCall, queueItemId } from "../protocol/call.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import type { Op } from "../protocol/ops.ts";
import { retryDelayMs } from "../scheduler/backoff.ts";
import { goOnPartition } from "../scheduler/partitions.ts";
import type { GateStates } from "../state/gate-states.ts";
import { type GateRow, ItemKind, type QueueItem } from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";
import type { Answer, AppClient } from "./app-client.ts";
import type { AppGate } from "./app-gate.ts";
import { decide, decideCheckpoint } from "./decide.ts";
import { type Outcome, plainError, readAnswer } from "./outcome.ts";
import { settleDecision } from "./settle.ts";
import type { Signer } from "./signer.ts";
import { signalWaiters, type WaitPorts } from "./waits.ts";

/** Connections that die under the same item count as failed attempts after this many in a row. */
const MAX_BREAKS = 10;

/** A throttled start that is held up for longer, by its commit or by reading its run, puts the next one off. */
const HELD_UP_MS = 250;

export interface ExecutorPorts extends WaitPorts {
  /** What throttles remember. */
  states: GateStates;
  config: EngineConfig;
  client: AppClient;
  gate: AppGate;
  signer: Signer;
}

/** What is being executed. The runs are held in memory meanwhile. */
interface Job {
  item: QueueItem;
  fn: FunctionSpec;
  run: RunState;
  /** The run that invoked it. */
  parent: RunState | null;
  /** Calls made for this item, and connections that died under it since the app's last answer. */
  tries: { sent: number; breaks: number };
}

/** Executes queue items: calls the app, reads its answer, makes durable what came of it. */
export class Executor {
  readonly #ports: ExecutorPorts;
  /** By the id of the request. */
  readonly #inFlight = new Map<string, { job: Job; queueItemId: string }>();
  /** By the item, as long as it is not done. */
  readonly #tries = new Map<string, Job["tries"]>();

  constructor(ports: ExecutorPorts) {
    this.#ports = ports;
  }

  /** How many calls are under way, by function id. */
  running(): Map<string, number> {
    const running = new Map<string, number>();
    for (const { job } of this.#inFlight.values()) running.set(job.fn.id, (running.get(job.fn.id) ?? 0) + 1);
    return running;
  }

  /** Executes one item and returns the items to do next; the item itself when its app was not reached. */
  async execute(item: QueueItem, throttled: GateRow | null): Promise<QueueItem[]> {
    const { runs, writer, registry } = this.#ports;
    const takenAtMs = Date.now();
    const run = await runs.acquire(item.runId);
    const parent = run?.parent ? await runs.acquire(run.parent.runId) : null;
    const fn = registry.byId(item.fnId);
    const key = `${item.runId} ${item.id}`;
    try {
      if (!run || run.ended || !fn || (item.kind === ItemKind.step && run.isDone(item.stepId ?? ""))) {
        this.#tries.delete(key);
        await writer.commit({ removeItems: [{ runId: item.runId, id: item.id }] });
        return [];
      }
      const tries = this.#tries.get(key) ?? { sent: item.attempt, breaks: 0 };
      const job: Job = { item, fn, run, parent, tries };
      if (item.kind !== ItemKind.step) run.go = "running";
      if (item.kind === ItemKind.start) await this.#start(job, throttled);
      else if (throttled) await writer.commit({ gates: [throttled] });
      // The function goes on with all that is known, once that is durable; a step needs only what it was planned after.
      if (item.kind !== ItemKind.step && run.durable < run.stack.length) await writer.commit({});
      this.#tries.set(key, tries);
      if (throttled) this.#putOffNext(throttled, Date.now() - takenAtMs);
      const next = run.ended ? [] : await this.#call(job, item);
      if (run.ended) this.#tries.delete(key);
      return next;
    } finally {
      if (parent) runs.release(parent);
      if (run) runs.release(run);
    }
  }

  /** A start counts from its call: else the next one of its key would follow at once a call that was held up. */
  #putOffNext({ key, state }: GateRow, heldUpMs: number): void {
    if (heldUpMs > HELD_UP_MS) this.#ports.states.raise(key, Number(state) + heldUpMs);
  }

  /** Makes the steps of a checkpoint durable. "stale" when the request is not the one being executed. */
  async checkpoint(
    runId: string,
    queueItem: string,
    requestId: string,
    ops: Op[],
  ): Promise<"ok" | "stale" | "bad"> {
    const flight = this.#inFlight.get(requestId);
    const run = flight?.job.run;
    if (!flight || !run || run.id !== runId || flight.queueItemId !== queueItem || run.ended) return "stale";
    const steps = decideCheckpoint(run, ops);
    if (!steps) return "bad";
    run.pins += 1;
    try {
      await this.#ports.writer.commit({ steps, items: goOnFromStart(flight.job) });
      return "ok";
    } finally {
      this.#ports.runs.release(run);
    }
  }

  /**
   * Records the start of a run before its call, where a throttle or a timeout depends on it. The item stays in the
   * partition of starts: after a crash nobody knows whether the call was made, so that it takes its turn under the
   * throttle once more, unless a step has come of it.
   */
  async #start(job: Job, throttled: GateRow | null): Promise<void> {
    const { item, fn, run } = job;
    if (job.tries.sent === 0) {
      this.#ports.metrics.runs.inc({ function: fn.slug, event: "started" });
      this.#ports.metrics.startLatency.observe(Math.max(0, Date.now() - item.dueAtMs) / 1_000);
    }
    run.called = true;
    const { startMs, finishMs } = fn.timeouts;
    if (!throttled && startMs === null && finishMs === null) return;
    job.item = { ...item, kind: ItemKind.goOn };
    const timers =
      finishMs === null ? [] : [run.item("finish", ItemKind.finishTimeout, Date.now() + finishMs)];
    await this.#ports.writer.commit({ items: [job.item, ...timers], gates: throttled ? [throttled] : [] });
    this.#ports.offer(timers);
  }

  async #call(job: Job, taken: QueueItem): Promise<QueueItem[]> {
    const { item, fn, run, tries } = job;
    const { client, gate, metrics, signer, log } = this.#ports;
    tries.sent += 1;
    const jobId = jobIdOf(item, run);
    const call = buildCall({
      fn,
      run,
      jobId,
      stepId: item.kind === ItemKind.step ? item.stepId : null,
      attempt: item.attempt,
      generation: tries.sent,
      nowMs: Date.now(),
    });
    this.#inFlight.set(call.requestId, { job, queueItemId: queueItemId(jobId) });
    const calledAt = Date.now();
    const stepsBefore = run.steps.size;
    const answer = await signer.send(client, call.url, call.body, call.headers);
    metrics.callLatency.observe((Date.now() - calledAt) / 1_000);
    this.#inFlight.delete(call.requestId);

    if (answer.kind === "response") gate.answered(fn.url);
    else if (answer.kind !== "timeout") gate.failed(fn.url, Date.now());
    if (answer.kind === "broken") tries.breaks += 1;
    if (answer.kind === "unreachable" || (answer.kind === "broken" && tries.breaks < MAX_BREAKS)) {
      log.info(
        { fn: fn.slug, runId: run.id, why: answer.message },
        "the app was not reached; trying again soon",
      );
      return await this.#again(job, run.steps.size > stepsBefore ? job.item : taken);
    }
    tries.breaks = 0;
    return await this.#settle(job, this.#outcomeOf(answer));
  }

  /**
   * Returns an item whose call was not answered, as it was taken from the queue: a start of which nothing has come
   * is one again, and takes its turn under the throttle once more.
   */
  async #again({ item, run }: Job, taken: QueueItem): Promise<QueueItem[]> {
    if (run.ended) return [];
    if (item.kind !== ItemKind.step) run.go = "queued";
    if (taken.kind === ItemKind.start) run.called = false;
    if (item !== taken) await this.#ports.writer.commit({ items: [taken] });
    return [taken];
  }

  #outcomeOf(answer: Exclude<Answer, { kind: "unreachable" }>): Outcome {
    return answer.kind === "response"
      ? readAnswer(answer, this.#ports.config.signingKeys, Date.now())
      : plainError(`The call to the app failed: ${answer.message}.`);
  }

  async #settle(job: Job, outcome: Outcome): Promise<QueueItem[]> {
    const waits = outcome.kind === "ops" ? outcome.ops.filter((op) => op.op === "WaitForSignal") : [];
    if (waits.length === 0) return await this.#decide(job, outcome);
    const signals = waits.map((op) => String(op.opts?.signal));
    return await this.#ports.signals.alone(async () =>
      this.#decide(job, outcome, await signalWaiters(this.#ports.database, signals)),
    );
  }

  async #decide(
    job: Job,
    outcome: Outcome,
    signalWaiters: ReadonlyMap<string, { runId: string; stepId: string }> = new Map(),
  ): Promise<QueueItem[]> {
    const { item, fn, run } = job;
    if (run.ended) return [];
    const nowMs = Date.now();
    const { config, log } = this.#ports;
    const retryDelay = (attempt: number): number => retryDelayMs(attempt, Math.random(), config.retryScale);
    const decision = decide({ run, fn, item, nowMs, retryDelayMs: retryDelay, signalWaiters }, outcome);
    const { kind } = outcome;
    const ended = decision.end?.status;
    log.debug({ fn: fn.slug, runId: run.id, outcome: kind, attempt: item.attempt, ended }, "executed");
    const retried = decision.change.items.some((next) => next.id === item.id && next.attempt > 0);
    if (!retried) this.#tries.delete(`${item.runId} ${item.id}`);
    return await settleDecision(this.#ports, job, decision, nowMs);
  }
}

/** The same for the same item and state of the run, so that a repeated attempt keeps its job id. */
function jobIdOf(item: QueueItem, run: RunState): string {
  const digest = createHash("sha1").update(`${run.id} ${item.id} ${run.durable}`).digest("hex");
  return BigInt(`0x${digest.slice(0, 16)}`).toString(36);
}

/** Puts the item of a recorded start, of which a step has come, among those that go on; the item to commit, if any. */
function goOnFromStart(job: Job): QueueItem[] {
  const partition = goOnPartition(job.fn.id, job.run.keys);
  if (job.item.kind !== ItemKind.goOn || job.item.partition === partition) return [];
  job.item = { ...job.item, partition };
  return [job.item];
}
