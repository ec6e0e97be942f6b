DROP TABLE invitations, api_keys, refresh_tokens, sessions, memberships, users;
DROP POLICY access ON workspaces;
REVOKE SELECT, INSERT ON workspaces FROM cerniq_access;
-- The role stays: it is the cluster's. Its grants here go.
DO $$ BEGIN
  EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM cerniq_access', current_schema());
END $$;
