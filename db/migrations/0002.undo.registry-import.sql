ALTER POLICY tenant_isolation ON rejected_rows
  USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
ALTER POLICY tenant_isolation ON prospects
  USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());

DROP TRIGGER imports_unused ON imports;
DROP FUNCTION check_import_unused;
DROP TRIGGER prospects_import_exists ON prospects;
DROP FUNCTION check_prospects_import;

ALTER TABLE rejected_rows
  DROP CONSTRAINT rejected_rows_import_fkey,
  ADD CONSTRAINT rejected_rows_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces (id),
  ADD CONSTRAINT rejected_rows_import_id_fkey FOREIGN KEY (import_id) REFERENCES imports (id) ON DELETE CASCADE;

ALTER TABLE prospects
  DROP CONSTRAINT prospects_import_fkey,
  ADD CONSTRAINT prospects_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces (id),
  ADD CONSTRAINT prospects_import_id_fkey FOREIGN KEY (import_id) REFERENCES imports (id);

ALTER TABLE imports DROP CONSTRAINT imports_id_workspace_key;
