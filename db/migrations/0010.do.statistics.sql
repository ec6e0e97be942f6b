-- Until a table is first analysed, the planner takes a workspace for one of two hundred, each with half a percent of the
-- rows; so it looks rows up by workspace, and reads all of them for each prospect. Here is what it is told instead: one
-- workspace has them all. The first ANALYZE (autovacuum's, within a minute) replaces this by what is true.
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['prospects', 'job_fields', 'chunks', 'chunk_fields', 'provider_calls', 'snapshots',
                           'field_values', 'outbox', 'approvals', 'budgets', 'source_asks', 'source_outcomes',
                           'reference_rows', 'dead_letters'] LOOP
    IF NOT pg_restore_attribute_stats(
      'schemaname', 'public', 'relname', t, 'attname', 'workspace_id', 'inherited', false,
      'null_frac', 0::real, 'avg_width', 16, 'n_distinct', 1::real) THEN
      RAISE EXCEPTION 'No statistics for %.workspace_id', t;
    END IF;
  END LOOP;
END $$;
