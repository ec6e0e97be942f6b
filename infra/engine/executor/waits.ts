import { expressionProblem, matches } from "../expressions.ts";
import { CANCEL_ON } from "../ingest/plan-runs.ts";
import { canonicalJson } from "../protocol/canonical-json.ts";
import type { Database } from "../state/database.ts";
import { type Change, type QueueItem, WaitKind } from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";
import { type CancelPorts, cancelRun } from "./cancel.ts";
import { finishStep } from "./settle.ts";
import { eventKey } from "./wait-keys.ts";

/** Waits that one commit ends at most. */
const PAGE = 200;

export interface WaitPorts extends CancelPorts {
  database: Database;
  signals: Signals;
}

type WaitChange = Change & {
  steps: NonNullable<Change["steps"]>;
  items: QueueItem[];
  removeItems: { runId: string; id: string }[];
  removeWaits: { runId: string; stepId: string }[];
};

interface WaitFound {
  run_id: string;
  step_id: string;
  expression: string | null;
}

/** The item that ends a wait without an answer. */
export function waitTimeoutId(stepId: string): string {
  return `w:${stepId}`;
}

/** Why a wait's expression cannot be used, or null. */
export function waitProblem(expression: unknown): string | null {
  if (expression === undefined || expression === null) return null;
  return typeof expression === "string" ? expressionProblem(expression) : "is no text";
}

/**
 * Ends the waits that an event matches, a page at a time: until the last page the item itself is among those
 * returned, with the place to go on from (in memory only; after a crash it begins anew, which is harmless).
 */
export async function fireMatch(ports: WaitPorts, item: QueueItem): Promise<QueueItem[]> {
  const [internalId = "", path = "", afterRun = "", afterStep = ""] = (item.stepId ?? "").split("\t");
  const { pool } = ports.database;
  const done = { removeItems: [{ runId: "", id: item.id }] };
  const stored = await pool.query<{ body: string; name: string }>(
    "select body, name from event where internal_id = $1",
    [internalId],
  );
  const row = stored.rows[0];
  const event: unknown = row ? JSON.parse(row.body) : null;
  const key = row ? eventKey(path, event) : null;
  const page =
    key === null
      ? []
      : await waitsAt(ports.database, row?.name ?? "", path, key, item.dueAtMs, afterRun, afterStep);
  const steps = page.filter((wait) => !wait.step_id.startsWith(CANCEL_ON));
  const change = await endWaits(ports, steps, (run, wait) =>
    matches(wait.expression, { event: firstEvent(run), async: event }) ? (row?.body ?? null) : null,
  );
  const cancels = page.filter((wait) => wait.step_id.startsWith(CANCEL_ON));
  await Promise.all(
    cancels.map(async (wait) => {
      const run = await ports.runs.acquire(wait.run_id);
      if (!run) return;
      // An event does not cancel what it starts.
      const fits = !run.ended && !run.events.includes(row?.body ?? "");
      const hit = fits && matches(wait.expression, { event: firstEvent(run), async: event });
      ports.runs.release(run);
      const cancelled = hit ? await cancelRun(ports, run.id, `cancelOn "${row?.name}"`) : null;
      change.items.push(...(cancelled?.items ?? []));
    }),
  );
  const last = page.at(-1);
  let next: string | null = null;
  if (last && page.length === PAGE) next = [internalId, path, last.run_id, last.step_id].join("\t");
  else if (row) {
    const paths = await pool.query<{ path: string }>(
      `select path from wait where name = $1 and kind = 0 and path > $2 order by path limit 1`,
      [row.name, path],
    );
    if (paths.rows[0]) next = [internalId, paths.rows[0].path, "", ""].join("\t");
  }
  if (next === null) change.removeItems.push(...done.removeItems);
  await commitWaits(ports, change);
  return next === null ? change.items : [...change.items, { ...item, stepId: next }];
}

/** Hands a signal to the step that waits for it; the run's id, or null when none does. Also the items to do next. */
export async function sendSignal(
  ports: WaitPorts,
  signal: string,
  data: unknown,
): Promise<{ runId: string; items: QueueItem[] } | null> {
  return await ports.signals.alone(async () => {
    const found = await ports.database.pool.query<WaitFound>(
      "select run_id, step_id, expression from wait where name = $1 and kind = $2 limit 1",
      [signal, WaitKind.signal],
    );
    const memo = canonicalJson({ data: { data: data ?? null, signal } });
    const change = await endWaits(ports, found.rows, () => memo);
    await commitWaits(ports, change);
    const runId = change.steps[0]?.runId;
    return runId === undefined ? null : { runId, items: change.items };
  });
}

/** Who waits for these signals now. Only to be asked from within `signals.alone`. */
export async function signalWaiters(
  database: Database,
  signals: string[],
): Promise<Map<string, { runId: string; stepId: string }>> {
  const found = await database.pool.query<WaitFound & { name: string }>(
    "select name, run_id, step_id from wait where name = any($1::text[]) and kind = $2",
    [signals, WaitKind.signal],
  );
  return new Map(found.rows.map((row) => [row.name, { runId: row.run_id, stepId: row.step_id }]));
}

/** Lets one at a time look who waits for a signal and change that. */
export class Signals {
  #last: Promise<unknown> = Promise.resolve();

  alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    this.#last = mine;
    return mine;
  }
}

async function waitsAt(
  database: Database,
  name: string,
  path: string,
  key: string,
  untilMs: number,
  afterRun: string,
  afterStep: string,
): Promise<WaitFound[]> {
  const found = await database.pool.query<WaitFound>({
    name: "matching-waits",
    text: `select run_id, step_id, expression from wait
           where name = $1 and kind = 0 and path = $2 and match_key = $3 and (run_id, step_id) > ($4, $5)
             and at_ms <= $6 order by run_id, step_id limit ${PAGE}`,
    values: [name, path, key, afterRun, afterStep, untilMs],
  });
  return found.rows;
}

/** Memoizes what `answer` yields for each wait; null leaves the wait alone. */
async function endWaits(
  ports: WaitPorts,
  waits: WaitFound[],
  answer: (run: RunState, wait: WaitFound) => string | null,
): Promise<WaitChange & { held: RunState[] }> {
  const change = {
    steps: [] as WaitChange["steps"],
    items: [] as QueueItem[],
    removeItems: [] as WaitChange["removeItems"],
    removeWaits: [] as WaitChange["removeWaits"],
    held: [] as RunState[],
  };
  const runs = await Promise.all(waits.map((wait) => ports.runs.acquire(wait.run_id)));
  const nowMs = Date.now();
  for (const [index, wait] of waits.entries()) {
    const run = runs[index];
    if (!run) continue;
    change.held.push(run);
    const memo = run.ended || run.isDone(wait.step_id) ? null : answer(run, wait);
    if (memo === null) continue;
    finishStep(run, wait.step_id, memo, nowMs, change);
    change.removeWaits.push({ runId: run.id, stepId: wait.step_id });
    change.removeItems.push({ runId: run.id, id: waitTimeoutId(wait.step_id) });
  }
  return change;
}

async function commitWaits(
  ports: WaitPorts,
  { held, ...change }: WaitChange & { held: RunState[] },
): Promise<void> {
  try {
    await ports.writer.commit(change);
  } finally {
    for (const run of held) ports.runs.release(run);
  }
}

function firstEvent(run: RunState): unknown {
  return run.events[0] === undefined ? {} : JSON.parse(run.events[0]);
}
