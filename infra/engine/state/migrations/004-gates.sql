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
