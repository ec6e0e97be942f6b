DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['prospects', 'job_fields', 'chunks', 'chunk_fields', 'provider_calls', 'snapshots',
                           'field_values', 'outbox', 'approvals', 'budgets', 'source_asks', 'source_outcomes',
                           'reference_rows', 'dead_letters'] LOOP
    PERFORM pg_clear_attribute_stats('public', t, 'workspace_id', false);
  END LOOP;
END $$;
