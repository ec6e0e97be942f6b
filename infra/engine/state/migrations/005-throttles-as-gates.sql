-- What a throttle remembers of a key ("t|<function>|<key>") stands beside what the gates do.
insert into gate (key, state, expires_at_ms)
  select 't|' || replace(key, ':', '|'), tat_ms::text, ceil(tat_ms)::bigint from throttle;
drop table throttle;

alter table step drop column deadline_ms; -- the item that ends the invoke has it
