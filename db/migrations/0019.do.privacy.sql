-- 0019 privacy: what we process and on which ground, who must not be contacted, who has objected, what was removed.
-- Why: docs/decisions/0018-audit-and-privacy.md.

-- Purposes as a workspace has changed or added them; those it has not touched stand in src/domain/privacy/purposes.ts.
CREATE TABLE processing_purposes (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  purpose text NOT NULL,
  title text NOT NULL,
  legal_basis text NOT NULL,
  -- The balancing test (LIA) or whatever else the basis rests on, and where it is filed.
  assessment text NOT NULL,
  assessment_reference text,
  data_categories text[] NOT NULL,
  retention text NOT NULL,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT processing_purposes_pkey PRIMARY KEY (workspace_id, purpose),
  CONSTRAINT processing_purposes_basis_check CHECK (legal_basis IN
    ('consent', 'contract', 'legal_obligation', 'vital_interests', 'public_task', 'legitimate_interest'))
);
SELECT make_tenant_table('processing_purposes', 'SELECT, INSERT, UPDATE');

-- The bases that a register can name (Art. 6(1) GDPR), and no other word.
ALTER TABLE prospects ADD CONSTRAINT prospects_legal_basis_check CHECK (legal_basis IN
  ('consent', 'contract', 'legal_obligation', 'vital_interests', 'public_task', 'legitimate_interest'));
ALTER TABLE field_values ADD CONSTRAINT field_values_legal_basis_check CHECK (legal_basis IN
  ('consent', 'contract', 'legal_obligation', 'vital_interests', 'public_task', 'legitimate_interest'));

-- The key of a workspace's hashes, random and sealed by the vault: whoever has the table alone cannot try addresses.
CREATE TABLE suppression_peppers (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  sealed text NOT NULL,
  CONSTRAINT suppression_peppers_workspace_key UNIQUE (workspace_id)
);
SELECT make_tenant_table('suppression_peppers', 'SELECT, INSERT');
-- Rotation of the vault's keys.
CREATE POLICY rotation ON suppression_peppers TO cerniq_system USING (true) WITH CHECK (true);
GRANT SELECT (id, workspace_id, sealed), UPDATE (sealed) ON suppression_peppers TO cerniq_system;

-- Whom nobody contacts any more, for ever: nothing is deleted, an entry made by mistake is lifted and stays.
CREATE TABLE suppressions (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  kind text NOT NULL,
  -- HMAC-SHA-256 of kind and normalised value, hexadecimal.
  hash text NOT NULL,
  reason text NOT NULL,
  source text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  lifted_at timestamptz,
  lifted_by text,
  lift_reason text,
  CONSTRAINT suppressions_kind_check CHECK (kind IN ('email', 'domain', 'phone', 'cui')),
  CONSTRAINT suppressions_reason_check CHECK (reason IN
    ('unsubscribe', 'objection', 'erasure', 'bounce', 'complaint', 'manual')),
  CONSTRAINT suppressions_lifted_check CHECK (
    (lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lift_reason IS NULL))
);
CREATE UNIQUE INDEX suppressions_key ON suppressions (workspace_id, kind, hash) WHERE lifted_at IS NULL;
CREATE INDEX suppressions_workspace_id_idx ON suppressions (workspace_id, id);
SELECT make_tenant_table('suppressions', 'SELECT, INSERT, UPDATE (lifted_at, lifted_by, lift_reason)');

-- Since when nobody may work on it (Art. 21 GDPR). The next retention run removes what may not be kept.
ALTER TABLE prospects ADD COLUMN objected_at timestamptz;

-- When retention has removed the uploaded files of an import.
ALTER TABLE imports ADD COLUMN files_removed_at timestamptz;
