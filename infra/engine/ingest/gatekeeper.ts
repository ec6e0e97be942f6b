import { type CancelPorts, cancelRun } from "../executor/cancel.ts";
import { finishStep } from "../executor/settle.ts";
import { type Facts, keyOf, matches } from "../expressions.ts";
import { canonicalJson } from "../protocol/canonical-json.ts";
import type { IncomingEvent } from "../protocol/events.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { newId, uuidFromName } from "../protocol/ids.ts";
import { batch, type Collected, debounce, rateLimit } from "../scheduler/gates.ts";
import type { Database } from "../state/database.ts";
import type { GateStates } from "../state/gate-states.ts";
import { type Change, ItemKind, type QueueItem } from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";
import { addRun, noRuns, type PlannedRuns, planRun } from "./plan-runs.ts";
import { startRuns } from "./start-runs.ts";

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
  change: Change & Required<Pick<Change, "steps" | "items" | "removeItems" | "gates" | "runEvents">>;
  planned: PlannedRuns;
  parent: RunState | null;
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
      const batch = list.splice(0, BATCH);
      this.#waiting.delete(fnId);
      if (list.length > 0) this.#waiting.set(fnId, list);
      try {
        const events = await this.#events(batch.map(({ item }) => item.stepId ?? ""));
        await this.#ports.states.load(batch.flatMap(({ item }) => this.#keys(item, events)));
        for (const waiting of batch) await this.#decide(waiting, events).catch(waiting.reject);
      } catch (error) {
        for (const waiting of batch) waiting.reject(error);
      }
    }
    this.#running = false;
  }

  #keys(item: QueueItem, events: Map<string, IncomingEvent>): string[] {
    if (item.kind === ItemKind.gate) return [item.stepId ?? ""];
    const fn = this.#ports.registry.byId(item.fnId);
    const event = events.get(item.stepId ?? "");
    return fn && event ? gateKeys(fn, { event: event.value }).all : [];
  }

  async #decide(waiting: Waiting, events: Map<string, IncomingEvent>): Promise<void> {
    const { item } = waiting;
    const fn = this.#ports.registry.byId(item.fnId);
    const verdict: Verdict = {
      change: { steps: [], items: [], removeItems: [], gates: [], runEvents: [] },
      planned: noRuns(),
      parent: null,
    };
    if (item.kind === ItemKind.gate) {
      const held = this.#ports.states.get<Held>(item.stepId ?? "");
      if (held && held.dueAtMs > Date.now()) {
        waiting.resolve([gateTimer(item.fnId, item.stepId ?? "", held.dueAtMs)]);
        return;
      }
      if (fn && held) await this.#release(fn, item.stepId ?? "", held, null, verdict);
      verdict.change.removeItems.push({ runId: "", id: item.id });
    } else {
      const event = events.get(item.stepId ?? "");
      if (!fn || !event) verdict.change.removeItems.push({ runId: item.runId, id: item.id });
      else await this.#admit(fn, event, item, verdict);
    }
    this.#commit(waiting, verdict);
  }

  /** An event's way through the gates: it is dropped, held for later, or becomes a run. */
  async #admit(fn: FunctionSpec, event: IncomingEvent, item: QueueItem, verdict: Verdict): Promise<void> {
    const { states } = this.#ports;
    const { change, planned } = verdict;
    const nowMs = Date.now();
    const facts = { event: event.value };
    const keys = gateKeys(fn, facts);
    const bytes = event.body.length;
    const [parentRun, parentStep] = item.partition.split(" ");
    const parent = parentRun && parentStep ? { runId: parentRun, stepId: parentStep } : null;
    const done = { runId: item.runId, id: item.id };
    const { rateLimits = [], debounce: debounced, batch: batched } = fn.gates ?? {};

    const tats = rateLimit(
      rateLimits,
      keys.rates.map((key) => states.get<number>(key) ?? 0),
      nowMs,
    );
    if (!tats) {
      change.removeItems.push(done);
      if (parent) await this.#tellParent(parent, "it is over its rate limit", verdict);
      return;
    }
    for (const [index, tat] of tats.entries())
      change.gates.push(states.set(keys.rates[index] ?? "", tat, tat));

    // An invoked function answers its caller: it is neither put off nor made one with others.
    if (keys.held && !parent && (debounced || (batched && matches(batched.expression, facts)))) {
      const before = states.get<Held>(keys.held);
      const runId = before?.runId ?? newId(nowMs);
      const { held, full } = debounced
        ? { held: debounce(debounced, before, bytes, nowMs), full: false }
        : batch(batched as NonNullable<typeof batched>, before, bytes, nowMs);
      change.removeItems.push(done);
      change.runEvents.push({ runId, position: held.count - 1, eventId: event.internalId });
      this.#held.put(runId, held.count - 1, event);
      if (full) {
        await this.#release(fn, keys.held, { ...held, runId }, event, verdict);
        change.removeItems.push({ runId: "", id: timerId(keys.held) });
      } else {
        const expiresAtMs = held.dueAtMs + 366 * DAY_MS;
        change.gates.push(states.set(keys.held, { ...held, runId }, expiresAtMs));
        if (held.dueAtMs !== before?.dueAtMs) change.items.push(gateTimer(fn.id, keys.held, held.dueAtMs));
      }
      return;
    }
    if (!(await this.#takeLock(fn, facts, item.runId, verdict))) {
      change.removeItems.push(done);
      if (parent) await this.#tellParent(parent, "another run of it goes on", verdict);
      return;
    }
    addRun(planned, planRun(fn, event, nowMs, { dedupKey: null, parent, id: item.runId }));
  }

  /** Makes a run of the events that a debounce or batch has held, `last` being one that is not committed yet. */
  async #release(
    fn: FunctionSpec,
    key: string,
    held: Held,
    last: IncomingEvent | null,
    verdict: Verdict,
  ): Promise<void> {
    const [event, ...more] = this.#held.take(held) ?? (await this.#stored(held.runId, last));
    verdict.change.gates.push(this.#ports.states.set(key, null, 0));
    if (!event || !(await this.#takeLock(fn, { event: event.value }, held.runId, verdict))) {
      verdict.change.removeRunEvents = [held.runId];
      return;
    }
    const options = { dedupKey: null, parent: null, id: held.runId, more };
    addRun(verdict.planned, planRun(fn, event, Date.now(), options));
  }

  async #stored(runId: string, last: IncomingEvent | null): Promise<IncomingEvent[]> {
    // Earlier events of it may be in commits under way.
    await this.#ports.writer.commit({});
    const stored = await this.#ports.database.pool.query(
      `select e.internal_id, e.event_id, e.name, e.ts_ms, e.body from run_event v
       join event e on e.internal_id = v.event_id where v.run_id = $1 order by v.position`,
      [runId],
    );
    return [...stored.rows.map(readEvent), ...(last ? [last] : [])];
  }

  /** Whether the run may be made under the function's singleton; it then holds the lock until it ends. */
  async #takeLock(fn: FunctionSpec, facts: Facts, runId: string, verdict: Verdict): Promise<boolean> {
    const rule = fn.gates?.singleton;
    if (!rule) return true;
    const { states, runs } = this.#ports;
    const key = `s|${fn.id}|${digest(rule.key, facts)}`;
    await states.load([key]);
    const holder = states.get<string>(key);
    if (holder !== null && holder !== runId) {
      await this.#making.get(holder);
      const run = await runs.acquire(holder);
      if (run) runs.release(run);
      if (run && !run.ended && rule.mode === "skip") return false;
      if (run && !run.ended) {
        const cancelled = await cancelRun(this.#ports, holder, "a newer run of a singleton");
        verdict.planned.items.push(...(cancelled?.items ?? []));
      }
    }
    verdict.change.gates.push(states.set(key, runId, Date.now() + DAY_MS));
    return true;
  }

  async #tellParent(parent: { runId: string; stepId: string }, why: string, verdict: Verdict): Promise<void> {
    const run = await this.#ports.runs.acquire(parent.runId);
    verdict.parent = run;
    if (!run || run.ended) return;
    const message = `The invoked function was not run: ${why}.`;
    const error = {
      error: "InngestInvokeSkippedError",
      message,
      name: "InngestInvokeSkippedError",
      stack: "",
    };
    finishStep(run, parent.stepId, canonicalJson({ error }), Date.now(), verdict.change);
  }

  #commit(waiting: Waiting, { change, planned, parent }: Verdict): void {
    const offered = planned.items.splice(0);
    const committed = startRuns(this.#ports, planned, change);
    for (const { run } of planned.change.runs)
      this.#making.set(
        run.id,
        committed.catch(() => {}),
      );
    committed
      .then(
        (started) => {
          this.#ports.states.written(change.gates, true);
          waiting.resolve([...change.items, ...started, ...offered]);
        },
        (error) => {
          this.#ports.states.written(change.gates, false);
          waiting.reject(error);
        },
      )
      .finally(() => {
        for (const { run } of planned.change.runs) this.#making.delete(run.id);
        if (parent) this.#ports.runs.release(parent);
      });
  }

  async #events(ids: string[]): Promise<Map<string, IncomingEvent>> {
    const found = await this.#ports.database.pool.query({
      name: "load-events",
      text: "select internal_id, event_id, name, ts_ms, body from event where internal_id = any($1::text[])",
      values: [ids],
    });
    return new Map(found.rows.map((row) => [row.internal_id, readEvent(row)]));
  }
}

/** The most that `HeldEvents` keeps, in characters of events. */
const MAX_HELD = 32 * 1024 * 1024;

/** The events of runs to be, as long as memory has room for them; else they are read from the database. */
class HeldEvents {
  readonly #lists = new Map<string, IncomingEvent[]>();
  #size = 0;

  put(runId: string, position: number, event: IncomingEvent): void {
    const list = this.#lists.get(runId) ?? [];
    // A gap: what came before is only in the database.
    if (position > list.length) return;
    this.#size += event.body.length - (list[position]?.body.length ?? 0);
    list[position] = event;
    this.#lists.set(runId, list);
    for (const old of this.#lists.keys()) {
      if (this.#size <= MAX_HELD) break;
      this.#drop(old);
    }
  }

  /** All events of a run, or null when some are not in memory. */
  take({ runId, count }: Held): IncomingEvent[] | null {
    const list = this.#lists.get(runId);
    this.#drop(runId);
    return list?.length === count ? list : null;
  }

  #drop(runId: string): void {
    for (const event of this.#lists.get(runId) ?? []) this.#size -= event.body.length;
    this.#lists.delete(runId);
  }
}

function readEvent(row: Record<string, unknown>): IncomingEvent {
  const body = String(row.body);
  return {
    internalId: String(row.internal_id),
    eventId: String(row.event_id),
    hasOwnId: false,
    name: String(row.name),
    tsMs: Number(row.ts_ms),
    body,
    value: JSON.parse(body),
  };
}

/** The keys under which a function's gates remember an event like this: "<letter>|<function>|<digest>". */
function gateKeys(fn: FunctionSpec, facts: Facts): { rates: string[]; held: string | null; all: string[] } {
  const gates = fn.gates;
  const rates = (gates?.rateLimits ?? []).map(
    (rule, index) => `r${index}|${fn.id}|${digest(rule.key, facts)}`,
  );
  const rule = gates?.debounce ?? gates?.batch;
  const held = rule ? `${gates?.debounce ? "d" : "b"}|${fn.id}|${digest(rule.key, facts)}` : null;
  const lock = gates?.singleton ? [`s|${fn.id}|${digest(gates.singleton.key, facts)}`] : [];
  return { rates, held, all: [...rates, ...(held ? [held] : []), ...lock] };
}

function digest(expression: string | null, facts: Facts): string {
  return expression === null ? "" : uuidFromName(`${expression}\0${keyOf(expression, facts)}`);
}

function timerId(key: string): string {
  return `gate:${key}`;
}

function gateTimer(fnId: string, key: string, dueAtMs: number): QueueItem {
  return {
    id: timerId(key),
    runId: "",
    fnId,
    partition: "",
    kind: ItemKind.gate,
    stepId: key,
    attempt: 0,
    dueAtMs,
    score: dueAtMs,
  };
}
