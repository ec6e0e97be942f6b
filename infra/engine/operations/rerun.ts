import type { SettlePorts } from "../executor/settle.ts";
import { addRun, noRuns, planRun } from "../ingest/plan-runs.ts";
import { startRuns } from "../ingest/start-runs.ts";
import type { IncomingEvent } from "../protocol/events.ts";
import type { Database } from "../state/database.ts";
import type { QueueItem, StepRow } from "../state/rows.ts";

export interface RerunPorts extends SettlePorts {
  database: Database;
}

export type Rerun = { ok: true; runId: string; items: QueueItem[] } | { ok: false; problem: string };

export interface RerunOptions {
  /** Keep the results of the steps that were done before this one; null keeps none. */
  fromStep: string | null;
  /** The same key starts at most one run in 24 hours; null for no such limit. */
  onceKey: string | null;
}

/** Starts a new run of a run's function, with the same event; resolves when it is durable. */
export async function rerun(ports: RerunPorts, runId: string, options: RerunOptions): Promise<Rerun> {
  const { pool } = ports.database;
  const found = await pool.query<{ event_id: string }>("select event_id from run where id = $1", [runId]);
  // Of a run that a batch of events started.
  const batch = await pool.query<{ position: number; event_id: string }>(
    "select position, event_id from run_event where run_id = $1",
    [runId],
  );
  const old = found.rows[0] ? await ports.runs.acquire(runId) : null;
  if (!old) return { ok: false, problem: `There is no run ${runId}.` };
  try {
    const fn = ports.registry.byId(old.fnId);
    if (!fn || !ports.registry.isServed(fn)) return { ok: false, problem: "No app serves its function now." };
    const keep = options.fromStep === null ? 0 : old.stack.indexOf(options.fromStep);
    if (options.fromStep !== null && keep < 0 && !old.steps.has(options.fromStep))
      return { ok: false, problem: `The run has no step ${options.fromStep}.` };
    const nowMs = Date.now();
    const [event, ...more] = old.events.map((body) => incoming(body, found.rows[0]?.event_id ?? "", nowMs));
    if (!event) return { ok: false, problem: "Its event is not stored any more." };
    const entry = planRun(fn, event, nowMs, { dedupKey: options.onceKey, parent: null, more });
    const runEvents = batch.rows.map((row) => ({
      runId: entry.run.id,
      position: row.position,
      eventId: row.event_id,
    }));
    const steps: StepRow[] = [];
    for (const id of keep < 0 ? old.stack : old.stack.slice(0, keep)) {
      const step = old.steps.get(id);
      const row = step?.memo != null ? entry.state.finish(id, step.memo, step.op, step.name) : null;
      if (row) steps.push(row);
    }
    const planned = noRuns();
    addRun(planned, entry);
    const items = await startRuns(ports, planned, { steps, runEvents });
    return { ok: true, runId: entry.run.id, items };
  } finally {
    ports.runs.release(old);
  }
}

/** A stored event as it once came in; its time is now, so that the new run is not held back. */
function incoming(body: string, internalId: string, nowMs: number): IncomingEvent {
  const value = JSON.parse(body) as Record<string, unknown>;
  const [eventId, name] = [String(value.id ?? ""), String(value.name ?? "")];
  return { internalId, eventId, hasOwnId: false, name, tsMs: nowMs, body, value };
}
