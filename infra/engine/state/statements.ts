import type { Client } from "pg";
import type { Batch } from "./batch.ts";
import type { QueueItem, WaitRow } from "./rows.ts";

const DAY_MS = 86_400_000;

/** Text that Postgres can store: it has no NUL character. */
export function pgText(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\ufffd") : text;
}

/**
 * Writes a batch inside an open transaction, one statement per table, and says which runs were dropped: their
 * event was delivered before, or their key is taken. Writing the same batch twice is the same as once.
 */
export async function writeBatch(client: Client, batch: Batch, nowMs: number): Promise<Set<string>> {
  const dropped = new Set(batch.droppedHere);
  if (batch.events.length > 0) {
    const stored = await client.query<{ internal_id: string }>({
      name: "insert-events",
      text: `insert into event (internal_id, event_id, name, ts_ms, body)
             select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
             on conflict do nothing returning internal_id`,
      values: [
        batch.events.map((e) => e.internalId),
        batch.events.map((e) => pgText(e.eventId)),
        batch.events.map((e) => pgText(e.name)),
        batch.events.map((e) => e.tsMs),
        batch.events.map((e) => e.body),
      ],
    });
    if (stored.rows.length < batch.events.length) {
      const fresh = new Set(stored.rows.map((row) => row.internal_id));
      const seen = new Set(batch.events.map((e) => e.internalId).filter((id) => !fresh.has(id)));
      for (const { run } of batch.runs) if (seen.has(run.eventId)) dropped.add(run.id);
    }
  }
  await claimKeys(client, batch, dropped, nowMs);
  const started = batch.runs.filter(({ run }) => !dropped.has(run.id));
  const runs = started.filter(({ gated }) => !gated);
  if (runs.length > 0) {
    await client.query({
      name: "insert-runs",
      text: `insert into run (id, fn_id, event_id, keys, queued_at_ms, parent_run_id, parent_step_id)
             select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[])
             on conflict do nothing`,
      values: [
        runs.map(({ run }) => run.id),
        runs.map(({ run }) => run.fnId),
        runs.map(({ run }) => run.eventId),
        runs.map(({ run }) => run.keys),
        runs.map(({ run }) => run.queuedAtMs),
        runs.map(({ run }) => run.parentRunId),
        runs.map(({ run }) => run.parentStepId),
      ],
    });
  }
  await writeSteps(client, batch, nowMs);
  const itemsOfRuns = started.flatMap(({ item, timers }) => [item, ...timers]);
  await writeItems(client, [...itemsOfRuns, ...batch.items], nowMs);
  if (batch.removeItems.length > 0) {
    await client.query({
      name: "delete-items",
      text: `delete from queue_item q using unnest($1::text[], $2::text[]) as d (run_id, id)
             where q.run_id = d.run_id and q.id = d.id`,
      values: [batch.removeItems.map((i) => i.runId), batch.removeItems.map((i) => i.id)],
    });
  }
  await writeFailedAttempts(client, batch);
  await writeWaits(client, [...runs.flatMap((entry) => entry.waits), ...batch.waits], batch.removeWaits);
  await writeGates(client, batch);
  await writeRunChanges(client, batch, nowMs);
  return dropped;
}

async function writeGates(client: Client, { gates, runEvents, removeRunEvents }: Batch): Promise<void> {
  const kept = gates.filter((gate) => gate.state !== null);
  if (kept.length > 0) {
    await client.query({
      name: "upsert-gates",
      text: `insert into gate (key, state, expires_at_ms) select * from unnest($1::text[], $2::text[], $3::bigint[])
             on conflict (key) do update set state = excluded.state, expires_at_ms = excluded.expires_at_ms`,
      values: [kept.map((g) => g.key), kept.map((g) => g.state), kept.map((g) => Math.ceil(g.expiresAtMs))],
    });
  }
  if (kept.length < gates.length) {
    await client.query({
      name: "delete-gates",
      text: "delete from gate where key = any($1::text[])",
      values: [gates.filter((gate) => gate.state === null).map((gate) => gate.key)],
    });
  }
  if (runEvents.length > 0) {
    await client.query({
      name: "upsert-run-events",
      text: `insert into run_event (run_id, position, event_id)
             select * from unnest($1::text[], $2::smallint[], $3::text[])
             on conflict (run_id, position) do update set event_id = excluded.event_id`,
      values: [
        runEvents.map((r) => r.runId),
        runEvents.map((r) => r.position),
        runEvents.map((r) => r.eventId),
      ],
    });
  }
  if (removeRunEvents.length > 0) {
    await client.query({
      name: "delete-run-events",
      text: "delete from run_event where run_id = any($1::text[])",
      values: [removeRunEvents],
    });
  }
}

async function writeWaits(
  client: Client,
  waits: WaitRow[],
  removeWaits: Batch["removeWaits"],
): Promise<void> {
  if (waits.length > 0) {
    await client.query({
      name: "insert-waits",
      text: `insert into wait (run_id, step_id, kind, name, path, match_key, expression, at_ms)
             select * from unnest($1::text[], $2::text[], $3::smallint[], $4::text[], $5::text[], $6::text[],
                                  $7::text[], $8::bigint[]) on conflict do nothing`,
      values: [
        waits.map((w) => w.runId),
        waits.map((w) => pgText(w.stepId)),
        waits.map((w) => w.kind),
        waits.map((w) => pgText(w.name)),
        waits.map((w) => pgText(w.path)),
        waits.map((w) => w.matchKey),
        waits.map((w) => (w.expression === null ? null : pgText(w.expression))),
        waits.map((w) => w.atMs),
      ],
    });
  }
  if (removeWaits.length > 0) {
    await client.query({
      name: "delete-waits",
      text: `delete from wait w using unnest($1::text[], $2::text[]) as d (run_id, step_id)
             where w.run_id = d.run_id and w.step_id = d.step_id`,
      values: [removeWaits.map((w) => w.runId), removeWaits.map((w) => pgText(w.stepId))],
    });
  }
}

async function claimKeys(client: Client, batch: Batch, dropped: Set<string>, nowMs: number): Promise<void> {
  const keyed = batch.runs
    .map(({ run }) => run)
    .filter((run) => run.dedupKey !== null && !dropped.has(run.id));
  if (keyed.length === 0) return;
  const claimed = await client.query<{ run_id: string }>({
    name: "claim-keys",
    text: `insert into run_key (fn_id, key, run_id, expires_at_ms)
           select fn_id, key, run_id, $4 from unnest($1::uuid[], $2::text[], $3::text[]) as k (fn_id, key, run_id)
           on conflict (fn_id, key) do update set run_id = excluded.run_id, expires_at_ms = excluded.expires_at_ms
           where run_key.expires_at_ms <= $5 or run_key.run_id = excluded.run_id
           returning run_id`,
    values: [
      keyed.map((run) => run.fnId),
      keyed.map((run) => pgText(run.dedupKey ?? "")),
      keyed.map((run) => run.id),
      nowMs + DAY_MS,
      nowMs,
    ],
  });
  const won = new Set(claimed.rows.map((row) => row.run_id));
  for (const run of keyed) if (!won.has(run.id)) dropped.add(run.id);
}

async function writeSteps(client: Client, batch: Batch, nowMs: number): Promise<void> {
  if (batch.steps.length === 0) return;
  await client.query({
    name: "upsert-steps",
    text: `insert into step (run_id, step_id, seq, op, name, memo, deadline_ms, at_ms, input, started_at_ms)
           select run_id, step_id, seq, op, name, memo, deadline_ms, $8, input, coalesce(started_at_ms, $8)
           from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[],
                       $9::text[], $10::bigint[])
             as s (run_id, step_id, seq, op, name, memo, deadline_ms, input, started_at_ms)
           on conflict (run_id, step_id) do update set seq = excluded.seq, memo = excluded.memo, at_ms = excluded.at_ms
           where step.memo is null`,
    values: [
      batch.steps.map((s) => s.runId),
      batch.steps.map((s) => pgText(s.stepId)),
      batch.steps.map((s) => s.seq),
      batch.steps.map((s) => pgText(s.op)),
      batch.steps.map((s) => pgText(s.name)),
      batch.steps.map((s) => s.memo),
      batch.steps.map((s) => s.deadlineMs),
      nowMs,
      batch.steps.map((s) => (typeof s.input === "string" ? pgText(s.input) : null)),
      batch.steps.map((s) => s.startedAtMs ?? null),
    ],
  });
}

async function writeFailedAttempts(client: Client, { failedAttempts: rows }: Batch): Promise<void> {
  if (rows.length === 0) return;
  await client.query({
    name: "insert-failed-attempts",
    text: `insert into failed_attempt (run_id, step_id, attempt, error, at_ms)
           select * from unnest($1::text[], $2::text[], $3::smallint[], $4::text[], $5::bigint[])
           on conflict do nothing`,
    values: [
      rows.map((r) => r.runId),
      rows.map((r) => pgText(r.stepId)),
      rows.map((r) => r.attempt),
      rows.map((r) => pgText(r.error)),
      rows.map((r) => r.atMs),
    ],
  });
}

async function writeItems(client: Client, items: QueueItem[], nowMs: number): Promise<void> {
  if (items.length === 0) return;
  await client.query({
    name: "upsert-items",
    text: `insert into queue_item (run_id, id, fn_id, partition, kind, step_id, attempt, due_at_ms, score, delayed)
           select * from unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::smallint[], $6::text[],
                                $7::smallint[], $8::bigint[], $9::bigint[], $10::boolean[])
           on conflict (run_id, id) do update set partition = excluded.partition, kind = excluded.kind,
             step_id = excluded.step_id,
             attempt = excluded.attempt, due_at_ms = excluded.due_at_ms, score = excluded.score,
             delayed = excluded.delayed`,
    values: [
      items.map((i) => i.runId),
      items.map((i) => i.id),
      items.map((i) => i.fnId),
      items.map((i) => i.partition),
      items.map((i) => i.kind),
      items.map((i) => (i.stepId === null ? null : pgText(i.stepId))),
      items.map((i) => i.attempt),
      items.map((i) => Math.round(i.dueAtMs)),
      items.map((i) => Math.round(i.score)),
      items.map((i) => i.dueAtMs > nowMs || i.kind >= 3),
    ],
  });
}

async function writeRunChanges(client: Client, batch: Batch, nowMs: number): Promise<void> {
  if (batch.versions.length > 0) {
    await client.query({
      name: "set-versions",
      text: `update run set version = v.version from unnest($1::text[], $2::smallint[]) as v (id, version)
             where run.id = v.id`,
      values: [batch.versions.map((v) => v.runId), batch.versions.map((v) => v.version)],
    });
  }
  if (batch.throttles.length > 0) {
    await client.query({
      name: "set-throttles",
      text: `insert into throttle (key, tat_ms) select * from unnest($1::text[], $2::float8[])
             on conflict (key) do update set tat_ms = excluded.tat_ms`,
      values: [batch.throttles.map((t) => t.key), batch.throttles.map((t) => t.tatMs)],
    });
  }
  if (batch.finishes.length > 0) {
    const ids = batch.finishes.map((f) => f.runId);
    await client.query({
      name: "finish-runs",
      text: `update run set status = f.status, output = f.output, ended_at_ms = $4
             from unnest($1::text[], $2::smallint[], $3::text[]) as f (id, status, output)
             where run.id = f.id and run.status = 0`,
      values: [ids, batch.finishes.map((f) => f.status), batch.finishes.map((f) => f.output), nowMs],
    });
    await client.query({
      name: "delete-run-items",
      text: `with w as (delete from wait where run_id = any($1::text[]))
             delete from queue_item where run_id = any($1::text[])`,
      values: [ids],
    });
  }
}
