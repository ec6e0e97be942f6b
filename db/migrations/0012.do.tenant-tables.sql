-- 0012 tenant tables: one statement makes a table a workspace's own. Migrations after this one use it.

-- The table has a column workspace_id. What the app may do with rows of its own workspace is named: an append-only
-- table is given 'SELECT, INSERT'.
CREATE FUNCTION make_tenant_table(name text, rights text DEFAULT 'SELECT, INSERT, UPDATE, DELETE') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY tenant_isolation ON %I TO cerniq_app USING (workspace_id = current_workspace()) '
                 'WITH CHECK (workspace_id = current_workspace())', name);
  EXECUTE format('GRANT %s ON %I TO cerniq_app', rights, name);
END $$;
REVOKE EXECUTE ON FUNCTION make_tenant_table(text, text) FROM PUBLIC;
