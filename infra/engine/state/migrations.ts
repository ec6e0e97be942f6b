/**
 * The engine's tables, in the schema inngest_engine; number n is the n-th text, applied once, in order.
 * JSON is kept as text in canonical form: jsonb would reorder and round what functions must get back as sent.
 * Instants are epoch milliseconds where the engine compares them, timestamptz where people read them.
 */
export const MIGRATIONS: readonly string[] = [
  `
  create table app (
    id uuid primary key,
    name text not null unique,
    url text not null,
    sdk text not null,
    checksum text not null,
    synced_at timestamptz not null default now()
  );
  create table function (
    id uuid primary key,
    app_id uuid not null references app (id),
    slug text not null unique,
    config text not null,
    archived_at timestamptz
  );
  create index function_app_id on function (app_id);

  create table event (
    internal_id text primary key,
    event_id text not null,
    name text not null,
    ts_ms bigint not null,
    received_at timestamptz not null default now(),
    body text not null
  );

  create table run (
    id text primary key,
    fn_id uuid not null,
    status smallint not null default 0, -- 0 queued or running, 1 completed, 2 failed, 3 cancelled
    version smallint not null default -1, -- the SDK's execution version, -1 until it said so
    event_id text not null,
    keys text not null, -- concurrency and throttle keys, see scheduler/partitions.ts
    queued_at_ms bigint not null,
    ended_at_ms bigint,
    output text,
    parent_run_id text,
    parent_step_id text
  );
  create index run_event_id on run (event_id);

  create table run_key ( -- a function takes an event id once in 24 hours
    fn_id uuid not null,
    key text not null,
    run_id text not null,
    expires_at_ms bigint not null,
    primary key (fn_id, key)
  );
  create index run_key_expires on run_key (expires_at_ms);

  create table step (
    run_id text not null,
    step_id text not null,
    seq bigint not null, -- order of completion within the run; 0 while pending
    op text not null,
    name text not null,
    memo text, -- what calls carry under "steps" once done; null while pending
    deadline_ms bigint, -- of an invoke: when it times out
    at_ms bigint not null,
    primary key (run_id, step_id)
  );

  create table queue_item (
    run_id text not null,
    id text not null,
    fn_id uuid not null,
    partition text not null,
    kind smallint not null, -- 0 start, 1 go on, 2 one planned step, see ItemKind in rows.ts
    step_id text,
    attempt smallint not null default 0,
    due_at_ms bigint not null,
    score bigint not null, -- order within the partition: due_at_ms less the priority
    delayed boolean not null,
    primary key (run_id, id)
  );
  create index queue_item_partition on queue_item (partition, score, id);
  create index queue_item_delayed on queue_item (due_at_ms, id) where delayed;

  create table throttle (
    key text primary key,
    tat_ms double precision not null
  );
  `,
  `
  create table wait ( -- steps that wait for an event or a signal; a row goes when its step has a result
    run_id text not null,
    step_id text not null,
    kind smallint not null, -- 0 event, 1 signal
    name text not null, -- of the event or signal
    path text not null, -- where the event must have the key, '' when any event of the name may match
    match_key text not null,
    expression text,
    at_ms bigint not null,
    primary key (run_id, step_id)
  );
  create index wait_lookup on wait (name, kind, path, match_key, run_id, step_id);

  drop index queue_item_partition; -- equal scores in the order of the runs
  create index queue_item_partition on queue_item (partition, score, run_id, id);
  `,
  `
  alter table function add column paused_at timestamptz;
  alter table step
    add column input text, -- JSON: what the step was given, where the SDK tells
    add column started_at_ms bigint;
  create table failed_attempt ( -- of a step, or of the function itself (step_id ''), that was tried again
    run_id text not null,
    step_id text not null,
    attempt smallint not null,
    error text not null,
    at_ms bigint not null,
    primary key (run_id, step_id, attempt)
  );
  create index run_function on run (fn_id, id);
  create table bulk_operation (
    id text primary key,
    kind text not null,
    filter text not null,
    rate integer not null, -- runs per second
    status text not null default 'running',
    total bigint not null,
    done bigint not null default 0,
    after_run_id text not null default '',
    created_at timestamptz not null default now(),
    ended_at timestamptz
  );
  `,
  `
  create table gate ( -- rate limits, debounces, batches and singletons, one row per key; see ingest/gatekeeper.ts
    key text primary key,
    state text not null, -- JSON
    expires_at_ms bigint not null
  );
  create index gate_expires on gate (expires_at_ms);
  create table run_event ( -- of runs that were, or will be, made of several events
    run_id text not null,
    position smallint not null,
    event_id text not null, -- internal
    primary key (run_id, position)
  );
  create index run_event_event on run_event (event_id);
  create index queue_item_admit on queue_item (step_id) where kind = 8;
  `,
];
