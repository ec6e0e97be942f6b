-- 0016 webhooks out: what we tell a workspace's own systems, to which address, and what they answered.
-- Why: docs/decisions/0016-webhooks-out.md.

CREATE TABLE webhook_endpoints (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  url text NOT NULL,
  description text NOT NULL DEFAULT '',
  event_types text[] NOT NULL,
  -- By the vault. While the secret is changed, both sign.
  secret_sealed text NOT NULL,
  secret_last4 text NOT NULL,
  previous_sealed text,
  previous_until timestamptz,
  -- Why nothing is sent; null: it is.
  disabled_reason text,
  disabled_at timestamptz,
  -- The first failure since the last success.
  failing_since timestamptz,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT webhook_endpoints_disabled_check
    CHECK ((disabled_reason IS NULL) = (disabled_at IS NULL) AND disabled_reason IN ('by_hand', 'failing', 'gone')),
  CONSTRAINT webhook_endpoints_previous_check CHECK ((previous_sealed IS NULL) = (previous_until IS NULL)),
  CONSTRAINT webhook_endpoints_types_check CHECK (cardinality(event_types) > 0)
);
CREATE INDEX webhook_endpoints_workspace_id_idx ON webhook_endpoints (workspace_id, id);

-- What has happened, for all endpoints that want to know: written in the transaction in which it does.
CREATE TABLE webhook_messages (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  type text NOT NULL,
  -- Ids and counts.
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_messages_workspace_id_idx ON webhook_messages (workspace_id, id);

CREATE TABLE endpoint_deliveries (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  endpoint_id uuid NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
  message_id uuid NOT NULL REFERENCES webhook_messages (id) ON DELETE CASCADE,
  -- missed: the endpoint was disabled.
  status text NOT NULL,
  -- Of this round; a recovery or a retry by hand begins another.
  attempts smallint NOT NULL DEFAULT 0,
  -- While pending: when somebody should have heard of it. Past that it is sent again.
  due_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  CONSTRAINT endpoint_deliveries_key UNIQUE (endpoint_id, message_id),
  CONSTRAINT endpoint_deliveries_status_check CHECK (status IN ('pending', 'delivered', 'failed', 'missed')),
  CONSTRAINT endpoint_deliveries_due_check CHECK ((status = 'pending') = (due_at IS NOT NULL))
);
CREATE INDEX endpoint_deliveries_endpoint_id_idx ON endpoint_deliveries (endpoint_id, status, id);
CREATE INDEX endpoint_deliveries_message_id_idx ON endpoint_deliveries (message_id);
CREATE INDEX endpoint_deliveries_workspace_id_idx ON endpoint_deliveries (workspace_id);
CREATE INDEX endpoint_deliveries_due_at_idx ON endpoint_deliveries (due_at) WHERE status = 'pending';

CREATE TABLE endpoint_attempts (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  delivery_id uuid NOT NULL REFERENCES endpoint_deliveries (id) ON DELETE CASCADE,
  http_status smallint,
  -- Of ours, where there was no answer.
  error_code text,
  -- The first KiB of the answer.
  response text,
  duration_ms integer NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX endpoint_attempts_delivery_id_idx ON endpoint_attempts (delivery_id, id);
CREATE INDEX endpoint_attempts_workspace_id_idx ON endpoint_attempts (workspace_id);

SELECT make_tenant_table('webhook_endpoints');
SELECT make_tenant_table('webhook_messages');
SELECT make_tenant_table('endpoint_deliveries');
SELECT make_tenant_table('endpoint_attempts');

-- The sweeper finds what was to be sent and never was.
GRANT SELECT (id, workspace_id, status, due_at) ON endpoint_deliveries TO cerniq_system;
CREATE POLICY sweeper ON endpoint_deliveries FOR SELECT TO cerniq_system USING (status = 'pending');
-- `npm run vault:rotate` seals secrets under the current key.
GRANT SELECT (id, workspace_id, secret_sealed, previous_sealed), UPDATE (secret_sealed, previous_sealed)
  ON webhook_endpoints TO cerniq_system;
CREATE POLICY key_rotation ON webhook_endpoints TO cerniq_system USING (true) WITH CHECK (true);
