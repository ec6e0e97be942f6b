-- 0024 key statistics: until the first ANALYZE the planner cannot know that a prospect's id names one row, because the key
-- is (id, workspace_id) since 0022: it took an id to be in half a percent of the rows, and read all of them (see 0010).
DO $$
BEGIN
  IF NOT pg_restore_attribute_stats(
    'schemaname', 'public', 'relname', 'prospects', 'attname', 'id', 'inherited', false,
    'null_frac', 0::real, 'avg_width', 16, 'n_distinct', -1::real) THEN
    RAISE EXCEPTION 'No statistics for prospects.id';
  END IF;
END $$;
