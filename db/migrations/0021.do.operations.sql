-- 0021 operations: what people have paused, and what waits for it; jobs that are cancelled.
-- Why: docs/decisions/0020-operations.md.

CREATE TABLE pauses (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  kind text NOT NULL,
  -- The id of a provider or function, or a site's domain without "www."; '' for the workspace as a whole.
  target text NOT NULL DEFAULT '',
  reason text NOT NULL,
  paused_by text NOT NULL,
  lifted_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  lifted_at timestamptz,
  CONSTRAINT pauses_kind_check CHECK (kind IN ('workspace', 'function', 'provider', 'domain')),
  CONSTRAINT pauses_target_check CHECK ((kind = 'workspace') = (target = '')),
  CONSTRAINT pauses_lifted_check CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);
CREATE INDEX pauses_workspace_id_idx ON pauses (workspace_id, id);
CREATE UNIQUE INDEX pauses_active_key ON pauses (workspace_id, kind, target) WHERE lifted_at IS NULL;
SELECT make_tenant_table('pauses', 'SELECT, INSERT, UPDATE (lifted_by, lifted_at)');

ALTER TABLE jobs
  DROP CONSTRAINT jobs_status_check,
  -- cancelling: nothing new begins, and what had begun is being ended.
  ADD CONSTRAINT jobs_status_check
    CHECK (status IN ('queued', 'importing', 'enriching', 'done', 'failed', 'cancelling', 'cancelled'));
CREATE INDEX jobs_under_way_idx ON jobs (id) WHERE status IN ('enriching', 'cancelling');

ALTER TABLE chunks
  DROP CONSTRAINT chunks_status_check,
  ADD CONSTRAINT chunks_status_check CHECK (status IN ('open', 'done', 'cancelled'));

ALTER TABLE chunk_fields
  DROP CONSTRAINT chunk_fields_status_check,
  ADD CONSTRAINT chunk_fields_status_check
    CHECK (status IN ('ready', 'requested', 'running', 'done', 'failed', 'cancelled')),
  -- It was given back because of this pause, and is ready when that is lifted.
  ADD COLUMN waits_for uuid REFERENCES pauses (id);
CREATE INDEX chunk_fields_failed_idx ON chunk_fields (workspace_id, field, ended_at) WHERE status = 'failed';
CREATE INDEX chunk_fields_waits_for_idx ON chunk_fields (waits_for, job_id, field) WHERE waits_for IS NOT NULL;

-- An event whose run was not let begin: it is sent in its old place when the pause is lifted.
ALTER TABLE outbox ADD COLUMN waits_for uuid REFERENCES pauses (id);
CREATE INDEX outbox_waits_for_idx ON outbox (waits_for) WHERE waits_for IS NOT NULL;

-- The sweeper finds what no pause holds any more, and jobs that are to be ended.
CREATE POLICY sweeper ON pauses FOR SELECT TO cerniq_system USING (true);
CREATE POLICY sweeper ON jobs FOR SELECT TO cerniq_system USING (true);
CREATE POLICY sweeper ON job_fields FOR SELECT TO cerniq_system USING (true);
GRANT SELECT (id, workspace_id, kind, target, lifted_at) ON pauses TO cerniq_system;
GRANT SELECT (id, workspace_id, status, priority) ON jobs TO cerniq_system;
GRANT SELECT (job_id, workspace_id, field, outstanding, max_outstanding) ON job_fields TO cerniq_system;
