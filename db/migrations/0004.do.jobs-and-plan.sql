-- Jobs over prospects that are there already, eligibility, dead letters.

ALTER TABLE jobs
  DROP CONSTRAINT jobs_kind_check,
  ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('import', 'enrich')),
  -- Which prospects an `enrich` job is about: a filter as the API takes it.
  ADD COLUMN selection jsonb,
  -- Ids of the fields it asks for, with those they need; NULL: all.
  ADD COLUMN fields text[];

ALTER TABLE job_fields
  -- Prospects that the plan's rule for the field leaves out.
  ADD COLUMN ineligible bigint NOT NULL DEFAULT 0,
  -- What its values have cost.
  ADD COLUMN cost_micros bigint NOT NULL DEFAULT 0;

-- A prospect and field that failed for good, until a later job has an answer.
CREATE TABLE dead_letters (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  prospect_id uuid NOT NULL REFERENCES prospects (id) ON DELETE CASCADE,
  field text NOT NULL,
  job_id uuid NOT NULL REFERENCES jobs (id),
  failures integer NOT NULL DEFAULT 1,
  first_code text NOT NULL,
  first_at timestamptz NOT NULL,
  last_code text NOT NULL,
  last_source text,
  last_at timestamptz NOT NULL,
  CONSTRAINT dead_letters_pkey PRIMARY KEY (prospect_id, field)
);
CREATE INDEX dead_letters_workspace_idx ON dead_letters (workspace_id, field, last_code);
CREATE INDEX dead_letters_job_id_idx ON dead_letters (job_id);
ALTER TABLE dead_letters ENABLE ROW LEVEL SECURITY;
ALTER TABLE dead_letters FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON dead_letters TO cerniq_app
  USING (workspace_id = (SELECT current_workspace())) WITH CHECK (workspace_id = (SELECT current_workspace()));
GRANT SELECT, INSERT, UPDATE, DELETE ON dead_letters TO cerniq_app;
