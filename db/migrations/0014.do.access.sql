-- 0014 access: users, memberships, sessions, API keys, invitations. Why: docs/decisions/0014-access.md.

-- Finds out who is asking, before a workspace is known: the one role that sees users across workspaces. It sees nothing
-- that a workspace has collected.
DO $$ BEGIN
  CREATE ROLE cerniq_access NOLOGIN NOSUPERUSER NOBYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO cerniq_access', current_schema());
  -- As for the other roles (0001).
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT cerniq_access TO %I WITH INHERIT FALSE, SET TRUE', current_user);
  END IF;
END $$;

CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  email text NOT NULL,
  name text NOT NULL,
  -- argon2id in PHC form, with its parameters.
  password_hash text NOT NULL,
  -- Sealed by the vault. Without totp_confirmed_at it was shown, and no code has come yet: sign-in does not ask for one.
  totp_secret text,
  totp_confirmed_at timestamptz,
  -- The time step of the last code that was taken: no code is taken twice.
  totp_last_step bigint,
  -- SHA-256 of the recovery codes that are left.
  recovery_codes text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  last_sign_in_at timestamptz,
  CONSTRAINT users_email_key UNIQUE (email),
  CONSTRAINT users_email_check CHECK (email = lower(email)),
  CONSTRAINT users_totp_check CHECK (totp_secret IS NOT NULL OR totp_confirmed_at IS NULL)
);

CREATE TABLE memberships (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT memberships_pkey PRIMARY KEY (workspace_id, user_id),
  CONSTRAINT memberships_role_check CHECK (role IN ('owner', 'admin', 'operator', 'sales', 'viewer'))
);
CREATE INDEX memberships_user_id_idx ON memberships (user_id);

-- A sign-in, and the family of refresh tokens that came of it.
CREATE TABLE sessions (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  -- Where its next access token works.
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Of its newest refresh token.
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_because text,
  CONSTRAINT sessions_ended_check CHECK ((ended_at IS NULL) = (ended_because IS NULL)),
  CONSTRAINT sessions_ended_because_check CHECK (ended_because IN ('signed_out', 'replayed', 'password_changed'))
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
CREATE INDEX sessions_workspace_id_idx ON sessions (workspace_id);

CREATE TABLE refresh_tokens (
  token_sha256 text PRIMARY KEY,
  session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  -- Used once: from then on its successor stands for it.
  used_at timestamptz
);
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);

CREATE TABLE api_keys (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  name text NOT NULL,
  key_sha256 text NOT NULL,
  last4 text NOT NULL,
  role text NOT NULL,
  -- NULL: all that its role may.
  scopes text[],
  -- NULL: as everybody.
  requests_per_minute integer,
  expires_at timestamptz,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- To the minute.
  last_used_at timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  CONSTRAINT api_keys_key_sha256_key UNIQUE (key_sha256),
  CONSTRAINT api_keys_role_check CHECK (role IN ('owner', 'admin', 'operator', 'sales', 'viewer')),
  CONSTRAINT api_keys_requests_check CHECK (requests_per_minute > 0),
  CONSTRAINT api_keys_revoked_check CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX api_keys_workspace_id_idx ON api_keys (workspace_id, id);

CREATE TABLE invitations (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  email text NOT NULL,
  role text NOT NULL,
  token_sha256 text NOT NULL,
  invited_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  accepted_at timestamptz,
  revoked_at timestamptz,
  CONSTRAINT invitations_token_sha256_key UNIQUE (token_sha256),
  CONSTRAINT invitations_email_check CHECK (email = lower(email)),
  CONSTRAINT invitations_role_check CHECK (role IN ('owner', 'admin', 'operator', 'sales', 'viewer')),
  CONSTRAINT invitations_end_check CHECK (accepted_at IS NULL OR revoked_at IS NULL)
);
CREATE INDEX invitations_workspace_id_idx ON invitations (workspace_id, id);
-- A newer one takes the place of one that is open.
CREATE UNIQUE INDEX invitations_open_key ON invitations (workspace_id, email)
  WHERE accepted_at IS NULL AND revoked_at IS NULL;

SELECT make_tenant_table('memberships');
SELECT make_tenant_table('api_keys', 'SELECT, INSERT, UPDATE (revoked_at, revoked_by)');
SELECT make_tenant_table('invitations', 'SELECT, INSERT, UPDATE (revoked_at)');

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['users', 'sessions', 'refresh_tokens'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['users', 'sessions', 'refresh_tokens', 'memberships', 'api_keys', 'invitations', 'workspaces'] LOOP
    EXECUTE format('CREATE POLICY access ON %I TO cerniq_access USING (true) WITH CHECK (true)', t);
  END LOOP;
END $$;

-- A workspace sees who its members are, and nothing that a sign-in could be made of.
CREATE POLICY members ON users FOR SELECT TO cerniq_app
  USING (id IN (SELECT user_id FROM memberships WHERE workspace_id = current_workspace()));
GRANT SELECT (id, email, name, created_at, last_sign_in_at, totp_confirmed_at) ON users TO cerniq_app;

GRANT SELECT, INSERT, UPDATE ON users TO cerniq_access;
GRANT SELECT, INSERT ON memberships, workspaces TO cerniq_access;
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions, refresh_tokens TO cerniq_access;
GRANT SELECT, UPDATE (last_used_at) ON api_keys TO cerniq_access;
GRANT SELECT, UPDATE (accepted_at) ON invitations TO cerniq_access;

-- The rotation of the vault's keys.
CREATE POLICY rotation ON users TO cerniq_system USING (true) WITH CHECK (true);
GRANT SELECT (id, totp_secret), UPDATE (totp_secret) ON users TO cerniq_system;
