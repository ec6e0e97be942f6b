DROP TABLE outbox, field_values, snapshots, provider_calls, chunk_fields, chunks, job_fields, prospects, rejected_rows,
  imports, jobs, workspaces;
DROP FUNCTION current_workspace();
-- The roles stay: they are the cluster's, and another database of it may use them. Their grants here go.
DROP OWNED BY cerniq_app, cerniq_system;
