-- Until a table is first analysed, the planner takes every column to have two hundred values, each in half a percent of
-- the rows. So it looks rows up by workspace, or by job and field, and reads all of them once for each prospect. Here is
-- what it is told instead, about such columns as stand first in an index: that a workspace and a job have all the rows
-- (1 value), a dozen fields share them, and a prospect has a few (a negative number: values for each row). The first
-- ANALYZE (autovacuum's) replaces this by what is true.
DO $$
DECLARE told record;
BEGIN
  FOR told IN
    SELECT t, 'workspace_id' AS c, 1::real AS n FROM unnest(ARRAY['prospects', 'job_fields', 'chunks', 'chunk_fields',
      'provider_calls', 'snapshots', 'field_values', 'outbox', 'approvals', 'budgets', 'source_asks', 'source_outcomes',
      'reference_rows', 'dead_letters']) AS t
    UNION ALL
    SELECT t, 'job_id', 1 FROM unnest(ARRAY['job_fields', 'chunks', 'chunk_fields', 'provider_calls', 'field_values',
      'approvals', 'source_asks', 'dead_letters']) AS t
    UNION ALL
    SELECT t, 'field', 12 FROM unnest(ARRAY['chunk_fields', 'field_values', 'source_asks', 'source_outcomes',
      'dead_letters', 'provider_calls']) AS t
    UNION ALL VALUES ('prospects', 'import_id', 1::real), ('field_values', 'prospect_id', -0.12), ('chunk_fields', 'chunk_id', -0.06),
      ('snapshots', 'provider', 12), ('snapshots', 'subject', -0.5), ('snapshots', 'call_id', -0.5),
      ('provider_calls', 'provider', 12), ('reference_rows', 'dataset', 3), ('reference_rows', 'cui', -0.5),
      ('reference_rows', 'block_key', -0.2), ('budgets', 'scope', 5), ('budgets', 'key', -0.9)
  LOOP
    IF NOT pg_restore_attribute_stats(
      'schemaname', 'public', 'relname', told.t, 'attname', told.c, 'inherited', false,
      'null_frac', 0::real, 'avg_width', 16, 'n_distinct', told.n::real) THEN
      RAISE EXCEPTION 'No statistics for %.%', told.t, told.c;
    END IF;
  END LOOP;
END $$;
