-- 0023 policies once: which workspace a statement works in is asked once for the statement, not once for each row.

DO $$
DECLARE t text;
BEGIN
  FOR t IN SELECT tablename FROM pg_policies
           WHERE schemaname = current_schema() AND policyname = 'tenant_isolation' AND tablename <> 'workspaces' LOOP
    EXECUTE format('ALTER POLICY tenant_isolation ON %I USING (workspace_id = (SELECT current_workspace())) '
                   'WITH CHECK (workspace_id = (SELECT current_workspace()))', t);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION make_tenant_table(name text, rights text DEFAULT 'SELECT, INSERT, UPDATE, DELETE') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY tenant_isolation ON %I TO cerniq_app '
                 'USING (workspace_id = (SELECT current_workspace())) '
                 'WITH CHECK (workspace_id = (SELECT current_workspace()))', name);
  EXECUTE format('GRANT %s ON %I TO cerniq_app', rights, name);
END $$;
