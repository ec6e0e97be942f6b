import { createHash } from "node:crypto";
import type { EngineConfig } from "../config.ts";
import type { Log } from "../log.ts";
import { buildCall, queueItemId } from "../protocol/call.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import type { Op } from "../protocol/ops.ts";
import { retryDelayMs } from "../scheduler/backoff.ts";
import { goOnPartition } from "../scheduler/partitions.ts";
import { ItemKind, type QueueItem, type StepRow } from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";
import type { AppClient } from "./app-client.ts";
import type { AppGate } from "./app-gate.ts";
import { decide, decideCheckpoint } from "./decide.ts";
import { type Outcome, plainError, readAnswer } from "./outcome.ts";
import { settleDecision } from "./settle.ts";
import type { Signer } from "./signer.ts";
import { signalWaiters, type WaitPorts } from "./waits.ts";

/** Connections that die under the same item count as failed attempts after this many in a row. */
const MAX_BREAKS = 10;

export interface ExecutorPorts extends WaitPorts {
  config: EngineConfig;
  client: AppClient;
  gate: AppGate;
  signer: Signer;
  log: Log;
  /** Puts committed items into the queue while their run goes on. */
  offer: (items: QueueItem[]) => void;
}

interface InFlight {
  run: RunState;
  requestId: string;
  queueItemId: string;
}

/** Executes queue items: calls the app, reads its answer, makes durable what came of it. */
export class Executor {
  readonly #ports: ExecutorPorts;
  readonly #inFlight = new Map<string, InFlight>();
  readonly #breaks = new Map<string, number>();
  readonly #sent = new Map<string, number>();

  /** How many calls are under way, by function id. */
  running(): Map<string, number> {
    const running = new Map<string, number>();
    for (const { run } of this.#inFlight.values()) running.set(run.fnId, (running.get(run.fnId) ?? 0) + 1);
    return running;
  }

  constructor(ports: ExecutorPorts) {
    this.#ports = ports;
  }

  /** Executes one item and returns the items to do next; the item itself when its app was not reached. */
  async execute(item: QueueItem, throttled: { key: string; tatMs: number } | null): Promise<QueueItem[]> {
    const { runs, writer, registry } = this.#ports;
    const run = await runs.acquire(item.runId);
    const fn = registry.byId(item.fnId);
    if (!run || run.ended || !fn || (item.kind === ItemKind.step && run.isDone(item.stepId ?? ""))) {
      this.#sent.delete(`${item.runId} ${item.id}`);
      await writer.commit({ removeItems: [{ runId: item.runId, id: item.id }] });
      if (run) runs.release(run);
      return [];
    }
    const parent = run.parent ? await runs.acquire(run.parent.runId) : null;
    try {
      if (run.ended) return [];
      if (item.kind !== ItemKind.step) run.go = "running";
      if (item.kind === ItemKind.start && !this.#sent.has(`${item.runId} ${item.id}`)) {
        this.#ports.metrics.run(fn.slug, "started");
        this.#ports.metrics.startLatency.observe(Date.now() - item.dueAtMs);
      }
      let current = item;
      run.started = true;
      const { startMs, finishMs } = fn.timeouts;
      if (throttled || (item.kind === ItemKind.start && (startMs !== null || finishMs !== null))) {
        // From here on the run has started: after a crash it goes on without taking from the throttle again.
        current = { ...item, kind: ItemKind.goOn, partition: goOnPartition(fn.id, run.keys) };
        const timers = finishMs === null ? [] : [finishTimer(item, Date.now() + finishMs)];
        await writer.commit({ items: [current, ...timers], throttles: throttled ? [throttled] : [] });
        this.#ports.offer(timers);
      }
      return await this.#send(current, fn, run, parent);
    } finally {
      if (parent) runs.release(parent);
      runs.release(run);
    }
  }

  /** Makes the steps of a checkpoint durable. "stale" when the request is not the one being executed. */
  async checkpoint(
    runId: string,
    queueItem: string,
    requestId: string,
    ops: Op[],
  ): Promise<"ok" | "stale" | "bad"> {
    const flight = this.#inFlight.get(requestId);
    if (!flight || flight.run.id !== runId || flight.queueItemId !== queueItem || flight.run.ended)
      return "stale";
    const steps: StepRow[] | null = decideCheckpoint(flight.run, ops);
    if (!steps) return "bad";
    flight.run.pins += 1;
    try {
      await this.#ports.writer.commit({ steps });
      return "ok";
    } finally {
      this.#ports.runs.release(flight.run);
    }
  }

  async #send(
    item: QueueItem,
    fn: FunctionSpec,
    run: RunState,
    parent: RunState | null,
  ): Promise<QueueItem[]> {
    if (run.ended) return [];
    const { config, client, gate, metrics, signer } = this.#ports;
    const key = `${item.runId} ${item.id}`;
    const sent = (this.#sent.get(key) ?? item.attempt) + 1;
    this.#sent.set(key, sent);
    const jobId = jobIdOf(item, run);
    const call = buildCall({
      fn,
      run,
      jobId,
      stepId: item.kind === ItemKind.step ? item.stepId : null,
      attempt: item.attempt,
      generation: sent,
      signingKey: null, // the signer knows which one this app wants
      nowMs: Date.now(),
    });
    this.#inFlight.set(call.requestId, { run, requestId: call.requestId, queueItemId: queueItemId(jobId) });
    const calledAt = Date.now();
    metrics.calls += 1;
    const answer = await signer.send(client, call.url, call.body, call.headers);
    metrics.callLatency.observe(Date.now() - calledAt);
    this.#inFlight.delete(call.requestId);

    let outcome: Outcome;
    if (answer.kind === "response") {
      gate.answered(fn.url);
      this.#breaks.delete(key);
      outcome = readAnswer(answer, config.signingKeys, Date.now());
    } else {
      const breaks = (this.#breaks.get(key) ?? 0) + (answer.kind === "broken" ? 1 : 0);
      this.#breaks.set(key, breaks);
      if (answer.kind !== "timeout") gate.failed(fn.url, Date.now());
      if (answer.kind === "unreachable" || (answer.kind === "broken" && breaks < MAX_BREAKS)) {
        this.#ports.log.info(
          { fn: fn.slug, runId: run.id, why: answer.message },
          "the app was not reached; trying again soon",
        );
        if (item.kind !== ItemKind.step) run.go = "queued";
        return [{ ...item, kind: item.kind }];
      }
      this.#breaks.delete(key);
      outcome = plainError(`The call to the app failed: ${answer.message}.`, true, null);
    }
    const waits = outcome.kind === "ops" ? outcome.ops.filter((op) => op.op === "WaitForSignal") : [];
    if (waits.length === 0) return await this.#settle(item, fn, run, parent, outcome, key);
    return await this.#ports.signals.alone(async () => {
      const waiters = await signalWaiters(
        this.#ports.database,
        waits.map((op) => String(op.opts?.signal)),
      );
      return await this.#settle(item, fn, run, parent, outcome, key, waiters);
    });
  }

  async #settle(
    item: QueueItem,
    fn: FunctionSpec,
    run: RunState,
    parent: RunState | null,
    outcome: Outcome,
    key: string,
    waiters?: ReadonlyMap<string, { runId: string; stepId: string }>,
  ): Promise<QueueItem[]> {
    if (run.ended) {
      this.#sent.delete(key);
      return [];
    }
    const nowMs = Date.now();
    const { config, log } = this.#ports;
    const decision = decide(
      {
        run,
        fn,
        item,
        nowMs,
        retryDelayMs: (attempt) => retryDelayMs(attempt, Math.random(), config.retryScale),
        ...(waiters ? { signalWaiters: waiters } : {}),
      },
      outcome,
    );
    const retried = decision.items.some((next) => next.id === item.id && next.attempt > 0);
    if (!retried) this.#sent.delete(key);
    log.debug(
      {
        fn: fn.slug,
        runId: run.id,
        outcome: outcome.kind,
        attempt: item.attempt,
        ended: decision.end?.status,
      },
      "executed",
    );
    return await settleDecision(this.#ports, { fn, run, parent, item, nowMs }, decision);
  }
}

function finishTimer(item: QueueItem, dueAtMs: number): QueueItem {
  return { ...item, id: "finish", partition: "", kind: ItemKind.finishTimeout, dueAtMs, score: dueAtMs };
}

/** The same for the same item and state of the run, so that a repeated attempt keeps its job id. */
function jobIdOf(item: QueueItem, run: RunState): string {
  const digest = createHash("sha1").update(`${run.id} ${item.id} ${run.stack.length}`).digest("hex");
  return BigInt(`0x${digest.slice(0, 16)}`).toString(36);
}
