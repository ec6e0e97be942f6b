DROP TABLE outbox, field_values, snapshots, provider_calls, chunk_fields, chunks, job_fields, prospects, rejected_rows,
  imports, jobs, workspaces;
DROP FUNCTION current_workspace();
-- The roles stay: they are the cluster's, and another database of it may use them. Their grants here go.
DO $$ BEGIN
  EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM cerniq_app, cerniq_system', current_schema());
END $$;
