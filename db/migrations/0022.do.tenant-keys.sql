-- 0022 tenant keys: what a row points to belongs to the row's own workspace. A foreign key does not see row-level
-- security, so it has to say so itself. (id, workspace_id) holds the workspace's own key within it.
-- Proved, for these and for what comes later, by tests/integration/tenant-isolation.test.ts.

-- Prospects are written by the million: instead of one more index, their key is made wider.
ALTER TABLE prospects
  DROP CONSTRAINT prospects_pkey CASCADE,
  ADD CONSTRAINT prospects_pkey PRIMARY KEY (id, workspace_id),
  ADD CONSTRAINT prospects_merged_into_fkey FOREIGN KEY (merged_into, workspace_id)
    REFERENCES prospects (id, workspace_id) NOT ENFORCED;

DO $$
DECLARE
  parent text;
  key record;
BEGIN
  FOREACH parent IN ARRAY ARRAY['jobs', 'chunks', 'provider_calls', 'snapshots', 'merges', 'pauses',
    'reference_sets', 'webhook_endpoints', 'webhook_messages', 'endpoint_deliveries', 'webhook_deliveries'] LOOP
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I UNIQUE (id, workspace_id)', parent, parent || '_id_workspace_key');
  END LOOP;
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
    EXECUTE format('ALTER TABLE %1$I DROP CONSTRAINT IF EXISTS %2$I, ADD CONSTRAINT %2$I FOREIGN KEY (%3$I, workspace_id) '
      'REFERENCES %4$I (id, workspace_id) ON DELETE %5$s',
      key.child, key.child || '_' || key.col || '_fkey', key.col, key.parent, key.on_delete);
    -- The row that it must point to has this key already. Not so where it may point to none.
    IF key.col <> 'waits_for' THEN
      EXECUTE format('ALTER TABLE %I DROP CONSTRAINT IF EXISTS %I', key.child, key.child || '_workspace_id_fkey');
    END IF;
  END LOOP;
END $$;

-- Who is a member is decided by an invitation, beyond the workspace: by cerniq_access. Otherwise a workspace could make
-- anybody its member, and so read their name and address.
REVOKE INSERT, UPDATE ON memberships FROM cerniq_app;
GRANT UPDATE (role) ON memberships TO cerniq_app;

-- The sweepers find what is due, and see nothing else of it.
REVOKE SELECT ON approvals, imports, provider_calls FROM cerniq_system;
GRANT SELECT (id, workspace_id, status, default_decision, expires_at) ON approvals TO cerniq_system;
GRANT SELECT (id, workspace_id, job_id, attempt, deadline_at) ON imports TO cerniq_system;
GRANT SELECT (id, workspace_id, status, lease_until) ON provider_calls TO cerniq_system;
