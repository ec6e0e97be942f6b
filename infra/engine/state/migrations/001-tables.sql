-- The engine's tables, in the schema inngest_engine. JSON is kept as text in canonical form: jsonb would reorder and
-- round what functions must get back as sent. Instants are epoch milliseconds where the engine compares them,
-- timestamptz where people read them.

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
