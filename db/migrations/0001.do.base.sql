-- 0001 base: workspaces, imports, prospects, values with provenance, provider calls, jobs and chunks, outbox.
-- Every table belongs to a workspace; row-level security enforces it beneath the code.

DO $$ BEGIN
  CREATE ROLE cerniq_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN
  CREATE ROLE cerniq_system NOLOGIN NOSUPERUSER NOBYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;

DO $$ BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO cerniq_app, cerniq_system', current_schema());
  -- The login of DATABASE_URL becomes cerniq_app for each session, and cerniq_system inside the relay's own
  -- transactions. A superuser needs no grant, and a grant to itself would be an error for the bootstrap role.
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT cerniq_app, cerniq_system TO %I WITH INHERIT FALSE, SET TRUE', current_user);
  END IF;
END $$;

-- The workspace of this transaction, or NULL (then no row is visible). Set by inWorkspace() in db/client.ts.
CREATE FUNCTION current_workspace() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('app.workspace_id', true), '')::uuid;

CREATE TABLE workspaces (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  slug text NOT NULL,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT workspaces_slug_key UNIQUE (slug)
);

CREATE TABLE jobs (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  kind text NOT NULL,
  status text NOT NULL DEFAULT 'queued',
  priority integer NOT NULL DEFAULT 0,
  prospects_total integer NOT NULL DEFAULT 0,
  chunks_total integer NOT NULL DEFAULT 0,
  chunks_done integer NOT NULL DEFAULT 0,
  error_code text,
  error_message text,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  ended_at timestamptz,
  CONSTRAINT jobs_kind_check CHECK (kind IN ('import')),
  CONSTRAINT jobs_status_check CHECK (status IN ('queued', 'importing', 'enriching', 'done', 'failed')),
  CONSTRAINT jobs_counts_check CHECK (chunks_done <= chunks_total AND chunks_total <= prospects_total)
);
CREATE INDEX jobs_workspace_id_idx ON jobs (workspace_id, id);

CREATE TABLE imports (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  job_id uuid NOT NULL REFERENCES jobs (id),
  file_name text NOT NULL,
  format text NOT NULL,
  delimiter text NOT NULL,
  file_path text NOT NULL,
  states_path text,
  activities_path text,
  size_bytes bigint NOT NULL,
  sha256 text NOT NULL,
  filter jsonb NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'pending',
  rows bigint NOT NULL DEFAULT 0,
  imported bigint NOT NULL DEFAULT 0,
  duplicates bigint NOT NULL DEFAULT 0,
  rejected bigint NOT NULL DEFAULT 0,
  rejected_by jsonb NOT NULL DEFAULT '{}',
  -- Where to go on after a crash: bytes and lines whose rows are committed.
  resume_offset_bytes bigint NOT NULL DEFAULT 0,
  resume_line bigint NOT NULL DEFAULT 0,
  error_message text,
  -- The fence and the watch, as for chunk_fields.
  attempt integer NOT NULL DEFAULT 1,
  run_id text,
  deadline_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  CONSTRAINT imports_job_id_key UNIQUE (job_id),
  CONSTRAINT imports_format_check CHECK (format IN ('onrc', 'csv')),
  CONSTRAINT imports_status_check CHECK (status IN ('pending', 'loading', 'done', 'failed')),
  CONSTRAINT imports_nothing_vanishes CHECK (rows = imported + duplicates + rejected)
);
CREATE INDEX imports_workspace_id_idx ON imports (workspace_id, id);
CREATE INDEX imports_deadline_idx ON imports (deadline_at) WHERE deadline_at IS NOT NULL;

CREATE TABLE rejected_rows (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  import_id uuid NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
  line_number bigint NOT NULL,
  reason text NOT NULL,
  field text,
  CONSTRAINT rejected_rows_pkey PRIMARY KEY (import_id, line_number)
);
CREATE INDEX rejected_rows_workspace_id_idx ON rejected_rows (workspace_id);

CREATE TABLE prospects (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  import_id uuid NOT NULL REFERENCES imports (id),
  line_number bigint NOT NULL,
  cui bigint NOT NULL,
  -- What the registry export said, normalised. The golden record is derived from this and from field_values.
  name text NOT NULL,
  registration_number text,
  euid text,
  legal_form text,
  is_natural_person boolean NOT NULL DEFAULT false,
  registered_on date,
  county text,
  locality text,
  address text,
  postal_code text,
  website text,
  registry_state_code text,
  activities jsonb,
  legal_basis text NOT NULL DEFAULT 'legitimate_interest',
  status text NOT NULL DEFAULT 'imported',
  failure_code text,
  golden jsonb,
  tier text,
  fields_filled smallint,
  confidence_pct smallint,
  score_pct smallint,
  enriched_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT prospects_workspace_cui_key UNIQUE (workspace_id, cui),
  CONSTRAINT prospects_status_check CHECK (status IN ('imported', 'enriched', 'failed')),
  CONSTRAINT prospects_tier_check CHECK (tier IN ('gold', 'silver', 'bronze', 'unqualified')),
  CONSTRAINT prospects_cui_check CHECK (cui BETWEEN 10 AND 9999999999)
);
CREATE INDEX prospects_import_id_idx ON prospects (import_id);

CREATE TABLE job_fields (
  job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  field text NOT NULL,
  -- Chunks asked for and not ended yet; at most `max_outstanding` of them wait in the engine's queue.
  outstanding integer NOT NULL DEFAULT 0,
  max_outstanding integer NOT NULL,
  found bigint NOT NULL DEFAULT 0,
  not_found bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  skipped bigint NOT NULL DEFAULT 0,
  CONSTRAINT job_fields_pkey PRIMARY KEY (job_id, field),
  CONSTRAINT job_fields_outstanding_check CHECK (outstanding >= 0)
);
CREATE INDEX job_fields_workspace_id_idx ON job_fields (workspace_id);

CREATE TABLE chunks (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  seq integer NOT NULL,
  prospect_ids uuid[] NOT NULL,
  -- How many field results the chunk holds: merge and score run again when they are behind it.
  values_version integer NOT NULL DEFAULT 0,
  status text NOT NULL DEFAULT 'open',
  -- Counted anew whenever prospects of the chunk fail or are scored; a job's figures are their sums.
  enriched smallint NOT NULL DEFAULT 0,
  failed smallint NOT NULL DEFAULT 0,
  gold smallint NOT NULL DEFAULT 0,
  silver smallint NOT NULL DEFAULT 0,
  bronze smallint NOT NULL DEFAULT 0,
  unqualified smallint NOT NULL DEFAULT 0,
  ended_at timestamptz,
  CONSTRAINT chunks_job_seq_key UNIQUE (job_id, seq),
  CONSTRAINT chunks_status_check CHECK (status IN ('open', 'done')),
  CONSTRAINT chunks_size_check CHECK (cardinality(prospect_ids) BETWEEN 1 AND 100)
);
CREATE INDEX chunks_workspace_id_idx ON chunks (workspace_id);

CREATE TABLE chunk_fields (
  chunk_id uuid NOT NULL REFERENCES chunks (id) ON DELETE CASCADE,
  field text NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  seq integer NOT NULL,
  status text NOT NULL,
  -- The fence: a run whose attempt is not this one any more, or that is not this run, may not write.
  attempt integer NOT NULL DEFAULT 1,
  run_id text,
  -- The chunk's values_version that this work started from (merge and score).
  version integer NOT NULL DEFAULT 0,
  deadline_at timestamptz,
  error_code text,
  error_message text,
  requested_at timestamptz,
  started_at timestamptz,
  ended_at timestamptz,
  CONSTRAINT chunk_fields_pkey PRIMARY KEY (chunk_id, field),
  CONSTRAINT chunk_fields_status_check CHECK (status IN ('ready', 'requested', 'running', 'done', 'failed'))
);
CREATE INDEX chunk_fields_ready_idx ON chunk_fields (job_id, field, seq) WHERE status = 'ready';
CREATE INDEX chunk_fields_deadline_idx ON chunk_fields (deadline_at) WHERE status IN ('requested', 'running');
CREATE INDEX chunk_fields_job_id_idx ON chunk_fields (job_id);
CREATE INDEX chunk_fields_workspace_id_idx ON chunk_fields (workspace_id);

CREATE TABLE provider_calls (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  job_id uuid NOT NULL REFERENCES jobs (id),
  provider text NOT NULL,
  operation text NOT NULL,
  -- {job}:{record}:{field}:{provider}; the record of a batch is the digest of its subjects.
  idempotency_key text NOT NULL,
  subjects integer NOT NULL,
  status text NOT NULL DEFAULT 'reserved',
  attempts integer NOT NULL DEFAULT 1,
  rate_limited integer NOT NULL DEFAULT 0,
  reserved_cost_micros bigint NOT NULL DEFAULT 0,
  cost_micros bigint NOT NULL DEFAULT 0,
  -- While it is reserved: after this instant its caller is taken for dead and the outcome for unknown.
  lease_until timestamptz,
  error_kind text,
  http_status integer,
  duration_ms integer,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  CONSTRAINT provider_calls_key UNIQUE (workspace_id, idempotency_key),
  CONSTRAINT provider_calls_status_check CHECK (status IN ('reserved', 'settled', 'failed', 'unknown'))
);
CREATE INDEX provider_calls_job_id_idx ON provider_calls (job_id, provider);

CREATE TABLE snapshots (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  call_id uuid NOT NULL REFERENCES provider_calls (id),
  provider text NOT NULL,
  subject text NOT NULL,
  as_of date NOT NULL,
  -- claimed: somebody is asking right now. No second request for the same subject and day can start.
  status text NOT NULL DEFAULT 'claimed',
  body jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  settled_at timestamptz,
  CONSTRAINT snapshots_subject_day_key UNIQUE (workspace_id, provider, subject, as_of),
  CONSTRAINT snapshots_status_check CHECK (status IN ('claimed', 'found', 'not_found')),
  CONSTRAINT snapshots_body_check CHECK ((status = 'found') = (body IS NOT NULL))
);
CREATE INDEX snapshots_call_id_idx ON snapshots (call_id);

CREATE TABLE field_values (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  prospect_id uuid NOT NULL REFERENCES prospects (id) ON DELETE CASCADE,
  job_id uuid NOT NULL REFERENCES jobs (id),
  field text NOT NULL,
  status text NOT NULL,
  value jsonb,
  source text,
  confidence_pct smallint,
  cost_micros bigint NOT NULL DEFAULT 0,
  legal_basis text NOT NULL DEFAULT 'legitimate_interest',
  snapshot_id uuid REFERENCES snapshots (id),
  error_code text,
  observed_at timestamptz NOT NULL,
  fresh_until timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT field_values_job_prospect_field_key UNIQUE (job_id, prospect_id, field),
  CONSTRAINT field_values_status_check CHECK (status IN ('found', 'not_found', 'failed')),
  CONSTRAINT field_values_value_check CHECK ((status = 'found') = (value IS NOT NULL)),
  CONSTRAINT field_values_confidence_check CHECK (confidence_pct BETWEEN 0 AND 100)
);
CREATE INDEX field_values_prospect_id_idx ON field_values (prospect_id, field, observed_at DESC);
CREATE INDEX field_values_snapshot_id_idx ON field_values (snapshot_id);
CREATE INDEX field_values_workspace_id_idx ON field_values (workspace_id);

CREATE TABLE outbox (
  -- Sent as the event's id: the engine runs it once however often it is sent.
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  name text NOT NULL,
  data jsonb NOT NULL,
  sends integer NOT NULL DEFAULT 0,
  next_send_at timestamptz NOT NULL DEFAULT now(),
  sent_at timestamptz,
  consumed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_next_send_at_idx ON outbox (next_send_at) WHERE consumed_at IS NULL;
CREATE INDEX outbox_consumed_at_idx ON outbox (consumed_at) WHERE consumed_at IS NOT NULL;
CREATE INDEX outbox_workspace_id_idx ON outbox (workspace_id);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['jobs', 'imports', 'rejected_rows', 'prospects', 'job_fields', 'chunks', 'chunk_fields',
                           'provider_calls', 'snapshots', 'field_values', 'outbox'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I TO cerniq_app USING (workspace_id = current_workspace()) '
                   'WITH CHECK (workspace_id = current_workspace())', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO cerniq_app', t);
  END LOOP;
END $$;

ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspaces FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON workspaces TO cerniq_app USING (id = current_workspace());
GRANT SELECT ON workspaces TO cerniq_app;

-- The relay and the sweepers work across workspaces, on nothing but what they need.
CREATE POLICY relay ON outbox TO cerniq_system USING (true) WITH CHECK (true);
CREATE POLICY sweeper ON chunk_fields TO cerniq_system USING (true) WITH CHECK (true);
CREATE POLICY sweeper ON imports TO cerniq_system USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE, DELETE ON outbox TO cerniq_system;
GRANT SELECT ON chunk_fields, imports TO cerniq_system;

-- FORCE ROW LEVEL SECURITY binds the owner too: seed as the workspace itself.
DO $$ BEGIN
  EXECUTE format('CREATE POLICY owner_seed ON workspaces TO %I USING (true) WITH CHECK (true)', current_user);
END $$;
INSERT INTO workspaces (id, slug, name) VALUES ('00000000-0000-7000-8000-000000000001', 'default', 'Default workspace');
