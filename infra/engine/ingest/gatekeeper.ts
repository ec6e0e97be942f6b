import { type CancelPorts, cancelRun } from "../executor/run-end.ts";
import { type Facts, keyOf, matches } from "../expressions.ts";
import { invokeErrorMemo } from "../protocol/errors.ts";
import { type IncomingEvent, storedEvent } from "../protocol/events.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { newId, uuidFromName } from "../protocol/ids.ts";
import { batch, type Collected, debounce, rateLimit } from "../scheduler/gates.ts";
import { commitChange } from "../state/commit-change.ts";
import type { Database } from "../state/database.ts";
import type { GateStates } from "../state/gate-states.ts";
import {
  type Change,
  type EventRow,
  emptyChange,
  ItemKind,
  type QueueItem,
  queueItem,
} from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";
import { EVENT, selectList } from "../state/tables.ts";
import { HeldEvents } from "./held-events.ts";
import { planRun } from "./plan-runs.ts";

/** Items of one function that are decided on with one look at the database; functions take turns. */
const BATCH = 200;
const DAY_MS = 86_400_000;

export interface GatekeeperPorts extends CancelPorts {
  database: Database;
  states: GateStates;
}

interface Waiting {
  item: QueueItem;
  resolve: (next: QueueItem[]) => void;
  reject: (error: unknown) => void;
}

/** What a debounce or batch keeps under its key: the run that will be made, and its events in `run_event`. */
type Held = Collected & { runId: string };

/** What one decision changes; it is committed as one, after those before it. */
interface Verdict {
  change: Change;
  /** Items to do next that are committed already. */
  committed: QueueItem[];
  /** The step that is told that what it invoked was not run; its run is held in memory until the commit. */
  skipped: { run: RunState; stepId: string; why: string } | null;
}

/**
 * Decides what becomes of events that must pass gates (rate limit, debounce, batch, singleton) before a run is
 * made of them. Such an event is durable work (an item) when it is accepted; here the items are taken one by
 * one, those of a function in the order in which they came, so that each decision sees what those before it
 * have left.
 */
export class Gatekeeper {
  readonly #ports: GatekeeperPorts;
  /** Runs whose making is not committed yet. */
  readonly #making = new Map<string, Promise<unknown>>();
  readonly #held = new HeldEvents();
  readonly #waiting = new Map<string, Waiting[]>();
  #running = false;

  constructor(ports: GatekeeperPorts) {
    this.#ports = ports;
  }

  /** Deals with an item of kind `admit` or `gate`; resolves when that is durable, with the items to do next. */
  pass(item: QueueItem): Promise<QueueItem[]> {
    return new Promise((resolve, reject) => {
      const list = this.#waiting.get(item.fnId) ?? [];
      list.push({ item, resolve, reject });
      this.#waiting.set(item.fnId, list);
      if (this.#running) return;
      this.#running = true;
      setImmediate(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting.entries().next(); !next.done; next = this.#waiting.entries().next()) {
      const [fnId, list] = next.value;
      // Ids of runs that are to be sort by time of arrival; timers have none and come first.
      list.sort((a, b) => (a.item.runId < b.item.runId ? -1 : 1));
      const taken = list.splice(0, BATCH);
      this.#waiting.delete(fnId);
      if (list.length > 0) this.#waiting.set(fnId, list);
      try {
        const events = await this.#events(taken.map(({ item }) => item.stepId ?? ""));
        await this.#ports.states.load(taken.flatMap(({ item }) => this.#keys(item, events)));
        for (const waiting of taken) await this.#decide(waiting, events).catch(waiting.reject);
      } catch (error) {
        for (const waiting of taken) waiting.reject(error);
      }
    }
    this.#running = false;
  }

  #keys(item: QueueItem, events: Map<string, IncomingEvent>): string[] {
    if (item.kind === ItemKind.gate) return [item.stepId ?? ""];
    const fn = this.#ports.registry.byId(item.fnId);
    const event = events.get(item.stepId ?? "");
    if (!fn || !event) return [];
    const { rates, held, lock } = gateKeys(fn, { event: event.value });
    return [...rates, held, lock].filter((key) => key !== null);
  }

  async #decide(waiting: Waiting, events: Map<string, IncomingEvent>): Promise<void> {
    const { item } = waiting;
    const fn = this.#ports.registry.byId(item.fnId);
    const verdict: Verdict = { change: emptyChange(), committed: [], skipped: null };
    // The item is replaced when a run is made of it.
    verdict.change.removeItems.push({ runId: item.runId, id: item.id });
    if (item.kind === ItemKind.gate) {
      const key = item.stepId ?? "";
      const held = this.#ports.states.get<Held>(key);
      if (held && held.dueAtMs > Date.now()) {
        waiting.resolve([gateTimer(item.fnId, key, held.dueAtMs)]);
        return;
      }
      if (fn && held) await this.#release(fn, key, held, null, verdict);
    } else {
      const event = events.get(item.stepId ?? "");
      if (fn && event) await this.#admit(fn, event, item, verdict);
    }
    this.#commit(waiting, verdict);
  }

  /** An event's way through the gates: it is dropped, held for later, or becomes a run. */
  async #admit(fn: FunctionSpec, event: IncomingEvent, item: QueueItem, verdict: Verdict): Promise<void> {
    const { states } = this.#ports;
    const nowMs = Date.now();
    const facts = { event: event.value };
    const keys = gateKeys(fn, facts);
    const [parentRun, parentStep] = item.partition.split(" ");
    const parent = parentRun && parentStep ? { runId: parentRun, stepId: parentStep } : null;

    const before = keys.rates.map((key) => states.get<number>(key) ?? 0);
    const tats = rateLimit(fn.gates?.rateLimits ?? [], before, nowMs);
    if (!tats) {
      if (parent) await this.#tellParent(parent, "it is over its rate limit", verdict);
      return;
    }
    for (const [index, tat] of tats.entries())
      verdict.change.gates.push(states.set(keys.rates[index] ?? "", tat, tat));

    // An invoked function answers its caller: it is neither put off nor made one with others.
    const batched = fn.gates?.batch;
    if (keys.held && !parent && (!batched || matches(batched.expression, facts)))
      await this.#hold(fn, keys.held, event, nowMs, verdict);
    else if (await this.#takeLock(fn, facts, item.runId, verdict))
      verdict.change.runs.push(planRun(fn, event, nowMs, { parent, id: item.runId }));
    else if (parent) await this.#tellParent(parent, "another run of it goes on", verdict);
  }

  /** Adds an event to those that a debounce or a batch holds under a key. */
  async #hold(
    fn: FunctionSpec,
    key: string,
    event: IncomingEvent,
    nowMs: number,
    verdict: Verdict,
  ): Promise<void> {
    const { change } = verdict;
    const before = this.#ports.states.get<Held>(key);
    const runId = before?.runId ?? newId(nowMs);
    const bytes = event.body.length;
    const { debounce: debounced, batch: batched } = fn.gates ?? {};
    const next = batched
      ? batch(batched, before, bytes, nowMs)
      : debounced && { held: debounce(debounced, before, bytes, nowMs), full: false };
    if (!next) return;
    const held = { ...next.held, runId };
    change.runEvents.push({ runId, position: held.count - 1, eventId: event.internalId });
    this.#held.put(runId, held.count - 1, event);
    if (next.full) {
      await this.#release(fn, key, held, event, verdict);
      change.removeItems.push({ runId: "", id: gateTimerId(key) });
    } else {
      change.gates.push(this.#ports.states.set(key, held, held.dueAtMs + 366 * DAY_MS));
      if (held.dueAtMs !== before?.dueAtMs) change.items.push(gateTimer(fn.id, key, held.dueAtMs));
    }
  }

  /** Makes a run of the events that a debounce or batch has held, `last` being one that is not committed yet. */
  async #release(
    fn: FunctionSpec,
    key: string,
    { runId, count }: Held,
    last: IncomingEvent | null,
    verdict: Verdict,
  ): Promise<void> {
    const { change } = verdict;
    const [event, ...more] = this.#held.take(runId, count) ?? (await this.#stored(runId, last));
    change.gates.push(this.#ports.states.set(key, null, 0));
    if (event && (await this.#takeLock(fn, { event: event.value }, runId, verdict)))
      change.runs.push(planRun(fn, event, Date.now(), { id: runId, more }));
    else change.statements.push({ text: "delete from run_event where run_id = $1", values: [runId] });
  }

  async #stored(runId: string, last: IncomingEvent | null): Promise<IncomingEvent[]> {
    // Earlier events of it may be in commits under way.
    await this.#ports.writer.commit({});
    const stored = await this.#ports.database.pool.query<EventRow>(
      `select ${selectList(EVENT)} from run_event v
       join event on event.internal_id = v.event_id where v.run_id = $1 order by v.position`,
      [runId],
    );
    return [...stored.rows.map(storedEvent), ...(last ? [last] : [])];
  }

  /** Whether the run may be made under the function's singleton; it then holds the lock until it ends. */
  async #takeLock(fn: FunctionSpec, facts: Facts, runId: string, verdict: Verdict): Promise<boolean> {
    const key = gateKeys(fn, facts).lock;
    if (key === null) return true;
    const { states, runs } = this.#ports;
    await states.load([key]);
    const holder = states.get<string>(key);
    if (holder !== null && holder !== runId) {
      await this.#making.get(holder);
      const run = await runs.acquire(holder);
      if (run) runs.release(run);
      if (run && !run.ended) {
        if (fn.gates?.singleton?.mode === "skip") return false;
        const next = await cancelRun(this.#ports, holder, "a newer run of a singleton");
        verdict.committed.push(...(next ?? []));
      }
    }
    verdict.change.gates.push(states.set(key, runId, Date.now() + DAY_MS));
    return true;
  }

  async #tellParent(parent: { runId: string; stepId: string }, why: string, verdict: Verdict): Promise<void> {
    const run = await this.#ports.runs.acquire(parent.runId);
    if (run) verdict.skipped = { run, stepId: parent.stepId, why };
  }

  /** Commits without being waited for, so that the next decision's commit joins this one's. */
  #commit(waiting: Waiting, { change, committed, skipped }: Verdict): void {
    const { states, runs } = this.#ports;
    if (skipped) {
      const message = `The invoked function was not run: ${skipped.why}.`;
      const memo = invokeErrorMemo("InngestInvokeSkippedError", message);
      skipped.run.finishPlanned(skipped.stepId, memo, Date.now(), change);
    }
    const commit = async (): Promise<void> => {
      try {
        const next = await commitChange(this.#ports, change);
        states.written(change.gates, true);
        waiting.resolve([...next, ...committed]);
      } catch (error) {
        states.written(change.gates, false);
        waiting.reject(error);
      } finally {
        for (const { run } of change.runs) this.#making.delete(run.id);
        if (skipped) runs.release(skipped.run);
      }
    };
    const committing = commit();
    for (const { run } of change.runs) this.#making.set(run.id, committing);
  }

  async #events(ids: string[]): Promise<Map<string, IncomingEvent>> {
    const found = await this.#ports.database.pool.query<EventRow>({
      name: "load-events",
      text: `select ${selectList(EVENT)} from event where internal_id = any($1::text[])`,
      values: [ids],
    });
    return new Map(found.rows.map((row) => [row.internalId, storedEvent(row)]));
  }
}

/** The keys under which a function's gates remember an event like this: "<letter>|<function>|<digest>". */
function gateKeys(
  fn: FunctionSpec,
  facts: Facts,
): { rates: string[]; held: string | null; lock: string | null } {
  const { rateLimits = [], debounce: debounced, batch: batched, singleton } = fn.gates ?? {};
  const key = (letter: string, { key: expression }: { key: string | null }): string =>
    `${letter}|${fn.id}|${expression === null ? "" : uuidFromName(`${expression}\0${keyOf(expression, facts)}`)}`;
  return {
    rates: rateLimits.map((rule, index) => key(`r${index}`, rule)),
    held: debounced ? key("d", debounced) : batched ? key("b", batched) : null,
    lock: singleton ? key("s", singleton) : null,
  };
}

function gateTimerId(key: string): string {
  return `gate:${key}`;
}

function gateTimer(fnId: string, key: string, dueAtMs: number): QueueItem {
  return queueItem({ id: gateTimerId(key), fnId, kind: ItemKind.gate, stepId: key, dueAtMs });
}
