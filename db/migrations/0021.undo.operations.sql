DROP POLICY sweeper ON jobs;
DROP POLICY sweeper ON job_fields;
REVOKE ALL ON jobs, job_fields FROM cerniq_system;

-- FORCE ROW LEVEL SECURITY binds the owner too, who has to reach all workspaces here.
ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE chunks NO FORCE ROW LEVEL SECURITY;
ALTER TABLE chunk_fields NO FORCE ROW LEVEL SECURITY;
DROP INDEX chunk_fields_failed_idx;
DROP INDEX jobs_under_way_idx;
UPDATE jobs SET status = 'failed', error_code = 'cancelled', error_message = 'It was cancelled.'
WHERE status IN ('cancelling', 'cancelled');
UPDATE chunks SET status = 'done' WHERE status = 'cancelled';
UPDATE chunk_fields SET status = 'failed', error_code = 'cancelled' WHERE status = 'cancelled';
ALTER TABLE outbox DROP COLUMN waits_for;
ALTER TABLE chunk_fields
  DROP COLUMN waits_for,
  DROP CONSTRAINT chunk_fields_status_check,
  ADD CONSTRAINT chunk_fields_status_check CHECK (status IN ('ready', 'requested', 'running', 'done', 'failed'));
ALTER TABLE chunks
  DROP CONSTRAINT chunks_status_check,
  ADD CONSTRAINT chunks_status_check CHECK (status IN ('open', 'done'));
ALTER TABLE jobs
  DROP CONSTRAINT jobs_status_check,
  ADD CONSTRAINT jobs_status_check CHECK (status IN ('queued', 'importing', 'enriching', 'done', 'failed'));
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
ALTER TABLE chunks FORCE ROW LEVEL SECURITY;
ALTER TABLE chunk_fields FORCE ROW LEVEL SECURITY;
DROP TABLE pauses;
