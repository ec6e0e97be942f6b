DROP TABLE audit_details, audit_entries, audit_heads;
DROP FUNCTION refuse_audit_change();
DROP POLICY retention ON workspaces;
REVOKE SELECT (id, slug) ON workspaces FROM cerniq_retention;
-- The role stays, as the others do (0001).
DO $$ BEGIN
  EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM cerniq_retention', current_schema());
END $$;
