import { matches } from "../expressions.ts";
import { CANCEL_ON } from "../ingest/plan-runs.ts";
import { canonicalJson } from "../protocol/canonical-json.ts";
import type { Database } from "../state/database.ts";
import { type Change, emptyChange, ItemKind, type QueueItem, stepItemId, WaitKind } from "../state/rows.ts";
import type { RunState } from "../state/run-state.ts";
import { type CancelPorts, cancelRun } from "./run-end.ts";
import { eventKey } from "./wait-keys.ts";

/** Waits that one commit ends at most. */
const PAGE = 200;

export interface WaitPorts extends CancelPorts {
  database: Database;
  signals: Signals;
  /** Puts committed items into the queue at once. */
  offer: (items: QueueItem[]) => void;
}

interface Wait {
  runId: string;
  stepId: string;
  expression: string | null;
}

/** An event that is handed to those who wait for it. */
interface Match {
  name: string;
  body: string;
  event: unknown;
}

/** How far that has come: a path and the last wait at it. */
interface Place {
  path: string;
  runId: string;
  stepId: string;
}

/** Ends the waits that an event matches, a page at a time; after a crash it begins anew, which is harmless. */
export async function fireMatch(ports: WaitPorts, item: QueueItem): Promise<void> {
  const found = await ports.database.pool.query<{ body: string; name: string }>(
    "select body, name from event where internal_id = $1",
    [item.stepId],
  );
  for (const stored of found.rows) {
    const match: Match = { ...stored, event: JSON.parse(stored.body) };
    let place: Place | null = { path: "", runId: "", stepId: "" };
    while (place) {
      const page = await waitsAt(ports.database, match, place, item.score);
      const isCancel = (wait: Wait): boolean => wait.stepId.startsWith(CANCEL_ON);
      const ended = await Promise.all(page.filter(isCancel).map((wait) => cancelByEvent(ports, match, wait)));
      const { items } = await endWaits(
        ports,
        page.filter((wait) => !isCancel(wait)),
        (run, wait) => (accepts(wait, run, match) ? match.body : null),
      );
      ports.offer([...items, ...ended.flat()]);
      place = await nextPlace(ports.database, match, place, page);
    }
  }
  await ports.writer.commit({ removeItems: [{ runId: "", id: item.id }] });
}

/** Whether an event that came up to this instant has yet to be handed to those who wait for it. */
export async function areMatchesPending(database: Database, untilMs: number): Promise<boolean> {
  const found = await database.pool.query({
    name: "pending-matches",
    text: "select 1 from queue_item where kind = 6 and due_at_ms <= $1 limit 1",
    values: [untilMs],
  });
  return found.rows.length > 0;
}

/** Hands a signal to the step that waits for it; the run's id, or null when none does. Also the items to do next. */
export async function sendSignal(
  ports: WaitPorts,
  signal: string,
  data: unknown,
): Promise<{ runId: string; items: QueueItem[] } | null> {
  return await ports.signals.alone(async () => {
    const found = await ports.database.pool.query<Wait>(
      `select run_id as "runId", step_id as "stepId", expression from wait where name = $1 and kind = $2 limit 1`,
      [signal, WaitKind.signal],
    );
    const memo = canonicalJson({ data: { data: data ?? null, signal } });
    const { steps, items } = await endWaits(ports, found.rows, () => memo);
    return steps[0] ? { runId: steps[0].runId, items } : null;
  });
}

/** Who waits for these signals now. Only to be asked from within `signals.alone`. */
export async function signalWaiters(
  database: Database,
  signals: string[],
): Promise<Map<string, { runId: string; stepId: string }>> {
  const found = await database.pool.query<{ name: string; run_id: string; step_id: string }>(
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

/** The next waits, of those that began before the event came, that its value at the path may end. */
async function waitsAt(database: Database, match: Match, place: Place, untilMs: number): Promise<Wait[]> {
  const key = eventKey(place.path, match.event);
  if (key === null) return [];
  const found = await database.pool.query<Wait>({
    name: "matching-waits",
    text: `select run_id as "runId", step_id as "stepId", expression from wait
           where name = $1 and kind = 0 and path = $2 and match_key = $3 and (run_id, step_id) > ($4, $5)
             and at_ms <= $6 order by run_id, step_id limit ${PAGE}`,
    values: [match.name, place.path, key, place.runId, place.stepId, untilMs],
  });
  return found.rows;
}

/** Where to go on after a page: behind it, or at the next path; null when there is none. */
async function nextPlace(
  database: Database,
  { name }: Match,
  { path }: Place,
  page: Wait[],
): Promise<Place | null> {
  const last = page.at(-1);
  if (last && page.length === PAGE) return { path, runId: last.runId, stepId: last.stepId };
  const paths = await database.pool.query<{ path: string }>(
    "select path from wait where name = $1 and kind = 0 and path > $2 order by path limit 1",
    [name, path],
  );
  return paths.rows[0] ? { path: paths.rows[0].path, runId: "", stepId: "" } : null;
}

function accepts(wait: Wait, run: RunState, match: Match): boolean {
  return matches(wait.expression, { event: run.event, async: match.event });
}

async function cancelByEvent(ports: WaitPorts, match: Match, wait: Wait): Promise<QueueItem[]> {
  const run = await ports.runs.acquire(wait.runId);
  if (!run) return [];
  // An event does not cancel what it starts.
  const hit = !run.ended && !run.events.includes(match.body) && accepts(wait, run, match);
  ports.runs.release(run);
  return (hit && (await cancelRun(ports, run.id, `cancelOn "${match.name}"`))) || [];
}

/** Memoizes what `answer` yields for each wait, durably; null leaves the wait alone. */
async function endWaits(
  ports: WaitPorts,
  waits: Wait[],
  answer: (run: RunState, wait: Wait) => string | null,
): Promise<Change> {
  const change = emptyChange();
  const runs = await Promise.all(waits.map((wait) => ports.runs.acquire(wait.runId)));
  const nowMs = Date.now();
  try {
    for (const [index, wait] of waits.entries()) {
      const run = runs[index];
      const memo = !run || run.ended || run.isDone(wait.stepId) ? null : answer(run, wait);
      if (!run || memo === null) continue;
      run.finishPlanned(wait.stepId, memo, nowMs, change);
      change.removeWaits.push({ runId: run.id, stepId: wait.stepId });
      change.removeItems.push({ runId: run.id, id: stepItemId(ItemKind.waitTimeout, wait.stepId) });
    }
    if (change.steps.length > 0) await ports.writer.commit(change);
    return change;
  } finally {
    for (const run of runs) if (run) ports.runs.release(run);
  }
}
