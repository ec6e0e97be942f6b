-- Values that are good but not good enough wait for a person, for a while.

ALTER TABLE field_values
  DROP CONSTRAINT field_values_status_check,
  ADD CONSTRAINT field_values_status_check CHECK (status IN ('found', 'not_found', 'failed', 'in_review'));
ALTER TABLE job_fields ADD COLUMN in_review bigint NOT NULL DEFAULT 0;

CREATE TABLE approvals (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  prospect_id uuid NOT NULL REFERENCES prospects (id) ON DELETE CASCADE,
  job_id uuid NOT NULL REFERENCES jobs (id),
  field text NOT NULL,
  source text NOT NULL,
  value jsonb NOT NULL,
  confidence_pct smallint NOT NULL,
  -- Why it was proposed: parts and points of the match.
  reasons jsonb NOT NULL DEFAULT '[]',
  fresh_for_ms bigint NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  -- What happens when nobody decides in time.
  default_decision text NOT NULL,
  expires_at timestamptz NOT NULL,
  decided_at timestamptz,
  note text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT approvals_status_check CHECK (status IN ('pending', 'approved', 'rejected')),
  CONSTRAINT approvals_default_check CHECK (default_decision IN ('approve', 'reject')),
  CONSTRAINT approvals_decided_check CHECK ((status = 'pending') = (decided_at IS NULL))
);
CREATE UNIQUE INDEX approvals_pending_key ON approvals (prospect_id, field) WHERE status = 'pending';
CREATE INDEX approvals_expires_at_idx ON approvals (expires_at) WHERE status = 'pending';
CREATE INDEX approvals_workspace_id_idx ON approvals (workspace_id, status, id);
CREATE INDEX approvals_job_id_idx ON approvals (job_id);
ALTER TABLE approvals ENABLE ROW LEVEL SECURITY;
ALTER TABLE approvals FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON approvals TO cerniq_app
  USING (workspace_id = (SELECT current_workspace())) WITH CHECK (workspace_id = (SELECT current_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON approvals TO cerniq_app;
CREATE POLICY sweeper ON approvals TO cerniq_system USING (true);
GRANT SELECT ON approvals TO cerniq_system;
