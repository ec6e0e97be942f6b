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
