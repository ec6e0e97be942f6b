-- 0020 erasures: persons whose data was removed, and what was removed where. Of the person nothing stays here.
-- Why: docs/decisions/0019-erasure.md.

CREATE TABLE erasures (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  -- Whom it is about, sealed by the vault while it is under way; then removed.
  subject_sealed text,
  -- On which ground of Art. 17(1) GDPR.
  ground text NOT NULL,
  requested_by text NOT NULL,
  status text NOT NULL DEFAULT 'requested',
  -- Rows removed or cleaned, by place: the certificate.
  removed jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  CONSTRAINT erasures_status_check CHECK (status IN ('requested', 'done', 'failed')),
  CONSTRAINT erasures_ground_check CHECK (ground IN
    ('no_longer_necessary', 'consent_withdrawn', 'objection', 'unlawful', 'legal_obligation')),
  CONSTRAINT erasures_subject_check CHECK ((status = 'done') = (subject_sealed IS NULL)),
  CONSTRAINT erasures_ended_check CHECK ((status = 'requested') = (ended_at IS NULL))
);
CREATE INDEX erasures_workspace_id_idx ON erasures (workspace_id, id);
SELECT make_tenant_table('erasures', 'SELECT, INSERT, UPDATE (subject_sealed, status, removed, ended_at)');
-- Rotation of the vault's keys.
CREATE POLICY key_rotation ON erasures TO cerniq_system USING (true) WITH CHECK (true);
GRANT SELECT (id, workspace_id, subject_sealed), UPDATE (subject_sealed) ON erasures TO cerniq_system;
