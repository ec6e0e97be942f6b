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
