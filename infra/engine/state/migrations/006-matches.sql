-- A wait's timeout asks whether events that came before it are still to be matched.
create index queue_item_match on queue_item (due_at_ms) where kind = 6;
