-- The same business under several tax ids: found by keys, merged, and undone. Parts of the score.
-- Why: docs/decisions/0009-merges.md and 0006-scoring.md.

ALTER TABLE prospects
  -- Merged away: the prospect that stands for it now, which is never merged away itself. Not enforced, as a key's
  -- trigger would be paid for by each row of an import; prospects of a merge are kept by merge_rows.
  ADD COLUMN merged_into uuid,
  ADD CONSTRAINT prospects_merged_into_fkey FOREIGN KEY (merged_into) REFERENCES prospects (id) NOT ENFORCED,
  ADD CONSTRAINT prospects_merged_into_check CHECK (merged_into <> id),
  -- Of the values that `golden` was derived from, and of the golden record that the score belongs to (and its day):
  -- what has not changed is not derived again.
  ADD COLUMN golden_digest bigint,
  ADD COLUMN score_digest bigint,
  ADD COLUMN completeness_pct smallint,
  ADD COLUMN freshness_pct smallint,
  -- Prospects that share one of these may be the same business. The name's is written with the golden record.
  ADD COLUMN match_name text,
  ADD COLUMN match_domain text GENERATED ALWAYS AS (left(golden #>> '{domain,value}', 254)) STORED,
  ADD COLUMN match_phone text GENERATED ALWAYS AS (left(golden #>> '{phone,value}', 254)) STORED,
  ADD COLUMN match_email text GENERATED ALWAYS AS (left(golden #>> '{email,value}', 254)) STORED;

CREATE INDEX prospects_merged_into_idx ON prospects (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX prospects_match_name_idx ON prospects (workspace_id, match_name, id) WHERE match_name IS NOT NULL;
CREATE INDEX prospects_match_domain_idx ON prospects (workspace_id, match_domain, id) WHERE match_domain IS NOT NULL;
CREATE INDEX prospects_match_phone_idx ON prospects (workspace_id, match_phone, id) WHERE match_phone IS NOT NULL;
CREATE INDEX prospects_match_email_idx ON prospects (workspace_id, match_email, id) WHERE match_email IS NOT NULL;

CREATE TABLE merges (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  kept_id uuid NOT NULL REFERENCES prospects (id) ON DELETE CASCADE,
  reason text NOT NULL,
  -- Who did it, and who undid it.
  merged_by text NOT NULL,
  undone_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  undone_at timestamptz,
  CONSTRAINT merges_undone_check CHECK ((undone_at IS NULL) = (undone_by IS NULL))
);
CREATE INDEX merges_workspace_id_idx ON merges (workspace_id, id);
CREATE INDEX merges_kept_id_idx ON merges (kept_id);

-- Every prospect that a merge touched, as it was before.
CREATE TABLE merge_rows (
  merge_id uuid NOT NULL REFERENCES merges (id) ON DELETE CASCADE,
  prospect_id uuid NOT NULL REFERENCES prospects (id) ON DELETE CASCADE,
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  -- kept; merged by this merge; moved: merged before into one that is merged now.
  role text NOT NULL,
  -- How likely it was that it is the same business as the kept one, and why.
  score_pct smallint,
  reasons jsonb,
  before jsonb NOT NULL,
  -- Of its values at that time: tells whether others have come since.
  values_digest bigint NOT NULL,
  CONSTRAINT merge_rows_pkey PRIMARY KEY (merge_id, prospect_id),
  CONSTRAINT merge_rows_role_check CHECK (role IN ('kept', 'merged', 'moved')),
  CONSTRAINT merge_rows_score_check CHECK ((role = 'merged') = (score_pct IS NOT NULL AND reasons IS NOT NULL))
);
CREATE INDEX merge_rows_prospect_id_idx ON merge_rows (prospect_id);
CREATE INDEX merge_rows_workspace_id_idx ON merge_rows (workspace_id);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['merges', 'merge_rows'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I TO cerniq_app '
                   'USING (workspace_id = (SELECT current_workspace())) '
                   'WITH CHECK (workspace_id = (SELECT current_workspace()))', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO cerniq_app', t);
  END LOOP;
END $$;
