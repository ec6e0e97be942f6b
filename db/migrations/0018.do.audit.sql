-- 0018 audit: who did what to what. Append-only, one hash chain per workspace. Why: docs/decisions/0018-audit-and-privacy.md.

-- The one role that may remove old entries of the audit trail; it also finds the workspaces that the nightly run is for.
DO $$ BEGIN
  CREATE ROLE cerniq_retention NOLOGIN NOSUPERUSER NOBYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO cerniq_retention', current_schema());
  -- As for the other roles (0001).
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT cerniq_retention TO %I WITH INHERIT FALSE, SET TRUE', current_user);
  END IF;
END $$;

-- Where a chain stands. Its row is locked while an entry is added, so that entries follow each other without a gap.
CREATE TABLE audit_heads (
  workspace_id uuid PRIMARY KEY REFERENCES workspaces (id),
  seq bigint NOT NULL DEFAULT 1,
  -- Of the entry `seq`; 64 zeros before the first.
  hash text NOT NULL DEFAULT repeat('0', 64),
  -- The last entry that retention has removed: what is left goes on from here.
  anchor_seq bigint NOT NULL DEFAULT 0,
  anchor_hash text NOT NULL DEFAULT repeat('0', 64),
  CONSTRAINT audit_heads_anchor_check CHECK (anchor_seq <= seq)
) WITH (fillfactor = 50); -- written with every entry: room for the next version beside it

CREATE TABLE audit_entries (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  seq bigint NOT NULL,
  at timestamptz NOT NULL,
  actor_kind text NOT NULL,
  actor_id text NOT NULL,
  action text NOT NULL,
  subject_kind text NOT NULL,
  subject_id text,
  legal_basis text,
  -- The request's or the job's id.
  correlation_id text,
  -- Of the row in audit_details; NULL: there never was one.
  details_digest text,
  previous_hash text NOT NULL,
  -- SHA-256 over all of the above, see src/platform/audit-chain.ts.
  hash text NOT NULL,
  CONSTRAINT audit_entries_pkey PRIMARY KEY (workspace_id, seq),
  -- The hash covers milliseconds.
  CONSTRAINT audit_entries_at_check CHECK (at = date_trunc('milliseconds', at))
);
CREATE INDEX audit_entries_at_idx ON audit_entries (workspace_id, at);
CREATE INDEX audit_entries_subject_idx ON audit_entries (workspace_id, subject_kind, subject_id, seq);
CREATE INDEX audit_entries_actor_idx ON audit_entries (workspace_id, actor_id, seq);

-- Apart, so that erasure can remove them: the chain holds a digest, and the nonce keeps that from being guessed back.
CREATE TABLE audit_details (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  seq bigint NOT NULL,
  nonce text NOT NULL,
  ip text,
  details jsonb NOT NULL,
  CONSTRAINT audit_details_pkey PRIMARY KEY (workspace_id, seq),
  CONSTRAINT audit_details_entry_fkey FOREIGN KEY (workspace_id, seq)
    REFERENCES audit_entries (workspace_id, seq) ON DELETE CASCADE
);

SELECT make_tenant_table('audit_heads', 'SELECT, INSERT, UPDATE (seq, hash)');
SELECT make_tenant_table('audit_entries', 'SELECT, INSERT');
SELECT make_tenant_table('audit_details', 'SELECT, INSERT, DELETE');

-- Beneath the rights: not even their owner changes entries by accident.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_user = 'cerniq_retention' THEN RETURN OLD; END IF;
  RAISE insufficient_privilege USING MESSAGE = format('The audit trail is append-only: no %s on %s.', TG_OP, TG_TABLE_NAME);
END $$;
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_entries_no_truncate BEFORE TRUNCATE ON audit_entries EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_details_no_update BEFORE UPDATE ON audit_details
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

CREATE POLICY retention ON workspaces TO cerniq_retention USING (true);
CREATE POLICY retention ON audit_heads TO cerniq_retention USING (true);
CREATE POLICY retention ON audit_entries TO cerniq_retention USING (true);
GRANT SELECT (id, slug) ON workspaces TO cerniq_retention;
GRANT SELECT, UPDATE (anchor_seq, anchor_hash) ON audit_heads TO cerniq_retention;
GRANT SELECT, DELETE ON audit_entries TO cerniq_retention;
