DO $$
DECLARE t text;
BEGIN
  FOR t IN SELECT tablename FROM pg_policies
           WHERE schemaname = current_schema() AND policyname = 'tenant_isolation' AND tablename <> 'workspaces' LOOP
    EXECUTE format('ALTER POLICY tenant_isolation ON %I USING (workspace_id = current_workspace()) '
                   'WITH CHECK (workspace_id = current_workspace())', t);
  END LOOP;
END $$;
