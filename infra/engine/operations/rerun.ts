import { planRun } from "../ingest/plan-runs.ts";
import type { IncomingEvent } from "../protocol/events.ts";
import { commitChange } from "../state/commit-change.ts";
import { emptyChange, type QueueItem } from "../state/rows.ts";
import type { OperationPorts } from "./ports.ts";

export interface RerunOptions {
  /** Keep the results of the steps that were done before this one; null keeps none. */
  fromStep: string | null;
  /** The same key starts at most one run in 24 hours; null for no such limit. */
  onceKey?: string | null;
}

export type Rerun = { ok: true; runId: string; items: QueueItem[] } | { ok: false; problem: string };

/** Starts a new run of a run's function, with the same event; resolves when it is durable. */
export async function rerun(
  ports: OperationPorts,
  runId: string,
  { fromStep, onceKey = null }: RerunOptions,
): Promise<Rerun> {
  const refused = (problem: string): Rerun => ({ ok: false, problem });
  // `position` is null but for a run that was made of several events.
  const events = await ports.database.pool.query<{ eventId: string; position: number | null }>(
    `select coalesce(v.event_id, r.event_id) as "eventId", v.position
     from run r left join run_event v on v.run_id = r.id where r.id = $1 order by v.position`,
    [runId],
  );
  const old = events.rows.length > 0 ? await ports.runs.acquire(runId) : null;
  if (!old) return refused(`There is no run ${runId}.`);
  try {
    const fn = ports.registry.byId(old.fnId);
    if (!fn || !ports.registry.isServed(fn)) return refused("No app serves its function now.");
    if (fromStep !== null && !old.steps.has(fromStep)) return refused(`The run has no step ${fromStep}.`);
    const nowMs = Date.now();
    const [event, ...more] = old.events.map((body) => incoming(body, events.rows[0]?.eventId ?? "", nowMs));
    if (!event) return refused("Its event is not stored any more.");
    const entry = planRun(fn, event, nowMs, { dedupKey: onceKey, more });
    const change = { ...emptyChange(), runs: [entry] };
    for (const { eventId, position } of events.rows)
      if (position !== null) change.runEvents.push({ runId: entry.run.id, position, eventId });
    for (const id of stepsBefore(fromStep, old.stack)) {
      const { memo, op, name } = old.steps.get(id) ?? {};
      const row = memo && op && name ? entry.state.finish(id, memo, op, name) : null;
      if (row) change.steps.push(row);
    }
    return { ok: true, runId: entry.run.id, items: await commitChange(ports, change) };
  } finally {
    ports.runs.release(old);
  }
}

/** The steps that were done before this one; all of them when it is not done yet, none when it is null. */
function stepsBefore(fromStep: string | null, done: string[]): string[] {
  if (fromStep === null) return [];
  return done.includes(fromStep) ? done.slice(0, done.indexOf(fromStep)) : done;
}

/** A stored event as it once came in; its time is now, so that the new run is not held back. */
function incoming(body: string, internalId: string, nowMs: number): IncomingEvent {
  const value = JSON.parse(body) as Record<string, unknown>;
  const [eventId, name] = [String(value.id ?? ""), String(value.name ?? "")];
  return { internalId, eventId, hasOwnId: false, name, tsMs: nowMs, body, value };
}
