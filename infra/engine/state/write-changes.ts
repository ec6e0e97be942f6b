import type { Client } from "pg";
import type { Change, RunEntry, RunRow } from "./rows.ts";
import {
  deleteRows,
  EVENT,
  FAILED_ATTEMPT,
  GATE,
  keyOf,
  putRows,
  QUEUE_ITEM,
  type RowOf,
  RUN,
  RUN_EVENT,
  STEP,
  storableText,
  type Table,
  WAIT,
} from "./tables.ts";

const DAY_MS = 86_400_000;

/**
 * Writes changes inside an open transaction, in their order: the last word on each row counts. Says which runs
 * were dropped, because their event was delivered before or their key is taken. Writing the same changes twice
 * is the same as once.
 */
export async function writeChanges(
  client: Client,
  changes: readonly Partial<Change>[],
  nowMs: number,
): Promise<Set<string>> {
  const all = <K extends keyof Change>(name: K): Change[K][number][] =>
    changes.flatMap((change): Change[K][number][] => change[name] ?? []);
  const dropped = await dropDuplicates(client, changes, nowMs);
  const started = (change: Partial<Change>): RunEntry[] =>
    (change.runs ?? []).filter(({ run }) => !dropped.has(run.id));
  const made = (change: Partial<Change>): RunEntry[] => started(change).filter(({ state }) => state !== null);
  const runs = changes.flatMap(made).map(({ run }) => run);
  await putRows(client, RUN, runs);
  const steps = all("steps").map((step) => ({
    ...step,
    atMs: nowMs,
    startedAtMs: step.startedAtMs ?? nowMs,
  }));
  await putRows(client, STEP, lastWords(STEP, steps));
  const items = lastPutsAndDeletes(
    QUEUE_ITEM,
    changes.map((change) => ({
      puts: [...started(change).flatMap(({ item, timers }) => [item, ...timers]), ...(change.items ?? [])],
      deletes: change.removeItems ?? [],
    })),
  );
  await putRows(
    client,
    QUEUE_ITEM,
    items.puts.map((item) => ({ ...item, delayed: item.dueAtMs > nowMs || item.kind >= 3 })),
  );
  await deleteRows(client, QUEUE_ITEM, items.deletes);
  const waits = lastPutsAndDeletes(
    WAIT,
    changes.map((change) => ({
      puts: [...made(change).flatMap((entry) => entry.waits), ...(change.waits ?? [])],
      deletes: change.removeWaits ?? [],
    })),
  );
  await putRows(client, WAIT, waits.puts);
  await deleteRows(client, WAIT, waits.deletes);
  await putRows(client, FAILED_ATTEMPT, lastWords(FAILED_ATTEMPT, all("failedAttempts")));
  await putRows(client, GATE, lastWords(GATE, all("gates")));
  await putRows(client, RUN_EVENT, lastWords(RUN_EVENT, all("runEvents")));
  for (const { text, values } of all("statements")) await client.query(text, values);
  await setVersions(client, all("versions"));
  await finishRuns(client, all("finishes"), nowMs);
  return dropped;
}

/** Stores the events and takes the keys of the runs; returns the runs whose event or key another delivery has. */
async function dropDuplicates(
  client: Client,
  changes: readonly Partial<Change>[],
  nowMs: number,
): Promise<Set<string>> {
  const events = changes.flatMap((change) => change.events ?? []);
  const unseen = new Set(await putRows(client, EVENT, lastWords(EVENT, events)));
  const dropped = new Set<string>();
  const keyed = new Map<string, RunRow & { dedupKey: string }>();
  for (const change of changes) {
    const again = new Set<string>();
    for (const { internalId } of change.events ?? []) if (!unseen.delete(internalId)) again.add(internalId);
    for (const { run } of change.runs ?? []) {
      const { dedupKey } = run;
      const key = `${run.fnId} ${dedupKey}`;
      if (again.has(run.eventId) || (dedupKey !== null && keyed.has(key))) dropped.add(run.id);
      else if (dedupKey !== null) keyed.set(key, { ...run, dedupKey });
    }
  }
  const won = await claimKeys(client, [...keyed.values()], nowMs);
  for (const run of keyed.values()) if (!won.has(run.id)) dropped.add(run.id);
  return dropped;
}

/** Takes keys that no other run has, or has no more; returns the runs that got theirs. */
async function claimKeys(
  client: Client,
  keyed: (RunRow & { dedupKey: string })[],
  nowMs: number,
): Promise<Set<string>> {
  if (keyed.length === 0) return new Set();
  const claimed = await client.query<{ run_id: string }>({
    name: "claim-keys",
    text: `insert into run_key (fn_id, key, run_id, expires_at_ms)
           select fn_id, key, run_id, $4 from unnest($1::uuid[], $2::text[], $3::text[]) as k (fn_id, key, run_id)
           on conflict (fn_id, key) do update set run_id = excluded.run_id, expires_at_ms = excluded.expires_at_ms
           where run_key.expires_at_ms <= $5 or run_key.run_id = excluded.run_id
           returning run_id`,
    values: [
      keyed.map((run) => run.fnId),
      keyed.map((run) => storableText(run.dedupKey)),
      keyed.map((run) => run.id),
      nowMs + DAY_MS,
      nowMs,
    ],
  });
  return new Set(claimed.rows.map((row) => row.run_id));
}

async function setVersions(client: Client, versions: Change["versions"]): Promise<void> {
  if (versions.length === 0) return;
  await client.query({
    name: "set-versions",
    text: `update run set version = v.version from unnest($1::text[], $2::smallint[]) as v (id, version)
           where run.id = v.id`,
    values: [versions.map((row) => row.runId), versions.map((row) => row.version)],
  });
}

async function finishRuns(client: Client, finishes: Change["finishes"], nowMs: number): Promise<void> {
  if (finishes.length === 0) return;
  const ids = finishes.map((row) => row.runId);
  await client.query({
    name: "finish-runs",
    text: `update run set status = f.status, output = f.output, ended_at_ms = $4
           from unnest($1::text[], $2::smallint[], $3::text[]) as f (id, status, output)
           where run.id = f.id and run.status = 0`,
    values: [ids, finishes.map((row) => row.status), finishes.map((row) => row.output), nowMs],
  });
  await client.query({
    name: "delete-run-items",
    text: `with w as (delete from wait where run_id = any($1::text[]))
           delete from queue_item where run_id = any($1::text[])`,
    values: [ids],
  });
}

/** The last of the rows that have the same key: Postgres refuses to touch one twice in a statement. */
function lastWords<T extends Table>(table: T, rows: readonly RowOf<T>[]): RowOf<T>[] {
  return [...new Map(rows.map((row) => [keyOf(table, row), row])).values()];
}

function lastPutsAndDeletes<T extends Table, Put extends Partial<RowOf<T>>>(
  table: T,
  changes: readonly { puts: readonly Put[]; deletes: readonly Partial<RowOf<T>>[] }[],
): { puts: Put[]; deletes: Partial<RowOf<T>>[] } {
  const puts = new Map<string, Put>();
  const deletes = new Map<string, Partial<RowOf<T>>>();
  for (const change of changes) {
    for (const row of change.deletes) {
      puts.delete(keyOf(table, row));
      deletes.set(keyOf(table, row), row);
    }
    // A change that deletes a row and puts it, replaces it.
    for (const row of change.puts) {
      deletes.delete(keyOf(table, row));
      puts.set(keyOf(table, row), row);
    }
  }
  return { puts: [...puts.values()], deletes: [...deletes.values()] };
}
