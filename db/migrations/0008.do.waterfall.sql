-- What came of asking each source of a field that has several: for orders that are learned, and for replays.
-- Why: docs/decisions/0011-waterfall.md.

-- The newest ask of each prospect, field and source.
CREATE TABLE source_asks (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  prospect_id uuid NOT NULL REFERENCES prospects (id) ON DELETE CASCADE,
  field text NOT NULL,
  source text NOT NULL,
  -- Tells a repeat of the same work from a new ask.
  job_id uuid NOT NULL,
  -- 1: asked first.
  place smallint NOT NULL,
  found boolean NOT NULL,
  cost_micros bigint NOT NULL,
  CONSTRAINT source_asks_pkey PRIMARY KEY (prospect_id, field, source),
  CONSTRAINT source_asks_place_check CHECK (place > 0),
  CONSTRAINT source_asks_cost_check CHECK (cost_micros >= 0)
);
CREATE INDEX source_asks_workspace_id_idx ON source_asks (workspace_id, field);

-- Their sums by segment, over all jobs. '': not known.
CREATE TABLE source_outcomes (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  field text NOT NULL,
  source text NOT NULL,
  legal_form text NOT NULL,
  caen_division text NOT NULL,
  county text NOT NULL,
  asked bigint NOT NULL,
  found bigint NOT NULL,
  cost_micros bigint NOT NULL,
  CONSTRAINT source_outcomes_pkey PRIMARY KEY (workspace_id, field, source, legal_form, caen_division, county),
  CONSTRAINT source_outcomes_counts_check CHECK (found BETWEEN 0 AND asked AND cost_micros >= 0)
) WITH (fillfactor = 70); -- counters: room for the next version of a row beside it

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['source_asks', 'source_outcomes'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I TO cerniq_app '
                   'USING (workspace_id = (SELECT current_workspace())) '
                   'WITH CHECK (workspace_id = (SELECT current_workspace()))', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO cerniq_app', t);
  END LOOP;
END $$;
