GRANT SELECT ON approvals, imports, provider_calls TO cerniq_system;
GRANT INSERT, UPDATE ON memberships TO cerniq_app;

ALTER TABLE prospects
  DROP CONSTRAINT prospects_pkey CASCADE,
  ADD CONSTRAINT prospects_pkey PRIMARY KEY (id),
  ADD CONSTRAINT prospects_merged_into_fkey FOREIGN KEY (merged_into) REFERENCES prospects (id) NOT ENFORCED;

DO $$
DECLARE
  parent text;
  key record;
BEGIN
  FOR key IN SELECT * FROM (VALUES
    ('imports', 'job_id', 'jobs', 'NO ACTION'),
    ('job_fields', 'job_id', 'jobs', 'CASCADE'),
    ('chunks', 'job_id', 'jobs', 'CASCADE'),
    ('chunk_fields', 'job_id', 'jobs', 'CASCADE'),
    ('chunk_fields', 'chunk_id', 'chunks', 'CASCADE'),
    ('chunk_fields', 'waits_for', 'pauses', 'NO ACTION'),
    ('outbox', 'waits_for', 'pauses', 'NO ACTION'),
    ('provider_calls', 'job_id', 'jobs', 'NO ACTION'),
    ('snapshots', 'call_id', 'provider_calls', 'NO ACTION'),
    ('field_values', 'job_id', 'jobs', 'NO ACTION'),
    ('field_values', 'prospect_id', 'prospects', 'CASCADE'),
    ('field_values', 'snapshot_id', 'snapshots', 'NO ACTION'),
    ('source_asks', 'prospect_id', 'prospects', 'CASCADE'),
    ('dead_letters', 'job_id', 'jobs', 'NO ACTION'),
    ('dead_letters', 'prospect_id', 'prospects', 'CASCADE'),
    ('approvals', 'job_id', 'jobs', 'NO ACTION'),
    ('approvals', 'prospect_id', 'prospects', 'CASCADE'),
    ('merges', 'kept_id', 'prospects', 'CASCADE'),
    ('merge_rows', 'merge_id', 'merges', 'CASCADE'),
    ('merge_rows', 'prospect_id', 'prospects', 'CASCADE'),
    ('reference_rows', 'set_id', 'reference_sets', 'CASCADE'),
    ('endpoint_deliveries', 'endpoint_id', 'webhook_endpoints', 'CASCADE'),
    ('endpoint_deliveries', 'message_id', 'webhook_messages', 'CASCADE'),
    ('endpoint_attempts', 'delivery_id', 'endpoint_deliveries', 'CASCADE'),
    ('inbound_events', 'delivery_id', 'webhook_deliveries', 'CASCADE')
  ) AS keys (child, col, parent, on_delete) LOOP
    EXECUTE format('ALTER TABLE %1$I DROP CONSTRAINT IF EXISTS %2$I, ADD CONSTRAINT %2$I FOREIGN KEY (%3$I) '
      'REFERENCES %4$I (id) ON DELETE %5$s',
      key.child, key.child || '_' || key.col || '_fkey', key.col, key.parent, key.on_delete);
    IF NOT EXISTS (SELECT FROM pg_constraint
                   WHERE conrelid = key.child::regclass AND conname = key.child || '_workspace_id_fkey') THEN
      EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I FOREIGN KEY (workspace_id) REFERENCES workspaces (id)',
        key.child, key.child || '_workspace_id_fkey');
    END IF;
  END LOOP;
  FOREACH parent IN ARRAY ARRAY['jobs', 'chunks', 'provider_calls', 'snapshots', 'merges', 'pauses',
    'reference_sets', 'webhook_endpoints', 'webhook_messages', 'endpoint_deliveries', 'webhook_deliveries'] LOOP
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', parent, parent || '_id_workspace_key');
  END LOOP;
END $$;
