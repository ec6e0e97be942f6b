-- Data of public registers that come as files: one active set per dataset and part (such as a year).

CREATE TABLE reference_sets (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  dataset text NOT NULL,
  -- What of the dataset the file holds, such as "2025"; '' where it is all of it.
  part text NOT NULL DEFAULT '',
  file_name text NOT NULL,
  sha256 text NOT NULL DEFAULT '',
  status text NOT NULL DEFAULT 'loading',
  rows bigint NOT NULL DEFAULT 0,
  stored bigint NOT NULL DEFAULT 0,
  rejected_by jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  activated_at timestamptz,
  CONSTRAINT reference_sets_status_check CHECK (status IN ('loading', 'active'))
);
CREATE UNIQUE INDEX reference_sets_active_key ON reference_sets (workspace_id, dataset, part) WHERE status = 'active';

CREATE TABLE reference_rows (
  set_id uuid NOT NULL REFERENCES reference_sets (id) ON DELETE CASCADE,
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  dataset text NOT NULL,
  line_number bigint NOT NULL,
  cui bigint,
  name text,
  -- Names that may be the same share it: see blockKey().
  block_key text,
  county text,
  locality text,
  body jsonb NOT NULL,
  CONSTRAINT reference_rows_pkey PRIMARY KEY (set_id, line_number)
);
CREATE INDEX reference_rows_cui_idx ON reference_rows (workspace_id, dataset, cui) WHERE cui IS NOT NULL;
CREATE INDEX reference_rows_block_idx ON reference_rows (workspace_id, dataset, block_key) WHERE block_key IS NOT NULL;

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['reference_sets', 'reference_rows'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I TO cerniq_app '
                   'USING (workspace_id = (SELECT current_workspace())) '
                   'WITH CHECK (workspace_id = (SELECT current_workspace()))', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO cerniq_app', t);
  END LOOP;
END $$;
