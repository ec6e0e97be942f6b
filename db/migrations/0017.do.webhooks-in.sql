-- 0017 webhooks in: what providers tell us. The raw body is stored before anything is made of it, once for each message;
-- what it says is written as inbound events. Why: docs/decisions/0017-webhooks-in.md.

-- How a provider proves to a workspace that it is the sender.
CREATE TABLE webhook_sources (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  provider text NOT NULL,
  -- By the vault. While the secret is changed, the previous one holds beside it.
  secret_sealed text NOT NULL,
  secret_last4 text NOT NULL,
  previous_sealed text,
  previous_until timestamptz,
  updated_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT webhook_sources_workspace_provider_key UNIQUE (workspace_id, provider),
  CONSTRAINT webhook_sources_previous_check CHECK ((previous_sealed IS NULL) = (previous_until IS NULL))
);

CREATE TABLE webhook_deliveries (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  provider text NOT NULL,
  -- The provider's id of the message; where it gives none, the body's digest. The same again is no second delivery.
  dedupe_key text NOT NULL,
  -- Those that say what the body is; no secret.
  headers jsonb NOT NULL,
  -- As it came in. Null: removed, by retention or an erasure; the row stays, so that a replay is still known.
  body bytea,
  body_sha256 bytea NOT NULL,
  status text NOT NULL DEFAULT 'received',
  -- The provider's own name of what has happened.
  event_type text,
  -- Why it could not be parsed: paths and rules, no values.
  problem text,
  received_at timestamptz NOT NULL DEFAULT now(),
  -- When an event last asked for it to be normalised.
  requested_at timestamptz NOT NULL DEFAULT now(),
  processed_at timestamptz,
  CONSTRAINT webhook_deliveries_dedupe_key UNIQUE (workspace_id, provider, dedupe_key),
  CONSTRAINT webhook_deliveries_status_check CHECK (status IN ('received', 'normalised', 'ignored', 'unparsed')),
  CONSTRAINT webhook_deliveries_processed_check CHECK ((status = 'received') = (processed_at IS NULL)),
  CONSTRAINT webhook_deliveries_problem_check CHECK ((status = 'unparsed') = (problem IS NOT NULL))
);
CREATE INDEX webhook_deliveries_workspace_id_idx ON webhook_deliveries (workspace_id, id);
CREATE INDEX webhook_deliveries_unparsed_idx ON webhook_deliveries (workspace_id, id) WHERE status = 'unparsed';
CREATE INDEX webhook_deliveries_requested_at_idx ON webhook_deliveries (requested_at) WHERE status = 'received';

-- What has happened, in our words: append-only, in no order but that of occurred_at.
CREATE TABLE inbound_events (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  delivery_id uuid NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
  provider text NOT NULL,
  -- The same event, however often and by whatever subscription it is told.
  event_key text NOT NULL,
  kind text NOT NULL,
  channel text NOT NULL,
  -- By the provider's clock.
  occurred_at timestamptz NOT NULL,
  -- The provider's ids.
  message_ref text,
  conversation_ref text,
  campaign_ref text,
  -- The other side's address (e-mail in lower case, phone in E.164), and ours.
  contact text,
  account text,
  subject text,
  body_text text,
  details jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT inbound_events_event_key UNIQUE (workspace_id, provider, event_key),
  CONSTRAINT inbound_events_channel_check CHECK (channel IN ('email', 'whatsapp'))
);
CREATE INDEX inbound_events_workspace_id_idx ON inbound_events (workspace_id, id);
CREATE INDEX inbound_events_delivery_id_idx ON inbound_events (delivery_id);
CREATE INDEX inbound_events_contact_idx ON inbound_events (workspace_id, contact, occurred_at) WHERE contact IS NOT NULL;
CREATE INDEX inbound_events_message_ref_idx ON inbound_events (workspace_id, message_ref) WHERE message_ref IS NOT NULL;

-- How many were refused, by day (UTC) and reason. Of these nothing else is kept.
CREATE TABLE webhook_refusals (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  provider text NOT NULL,
  day date NOT NULL,
  reason text NOT NULL,
  count integer NOT NULL,
  CONSTRAINT webhook_refusals_pkey PRIMARY KEY (workspace_id, provider, day, reason)
);

SELECT make_tenant_table('webhook_sources');
SELECT make_tenant_table('webhook_deliveries');
SELECT make_tenant_table('inbound_events');
SELECT make_tenant_table('webhook_refusals');

-- At the door nobody is signed in: the address names the workspace, and the secret that proves it is looked up.
GRANT SELECT (id, slug) ON workspaces TO cerniq_system;
GRANT SELECT (id, workspace_id, provider, secret_sealed, previous_sealed, previous_until) ON webhook_sources TO cerniq_system;
CREATE POLICY webhook_door ON workspaces FOR SELECT TO cerniq_system USING (true);
CREATE POLICY webhook_door ON webhook_sources FOR SELECT TO cerniq_system USING (true);
-- `npm run vault:rotate` seals them under the current key.
GRANT UPDATE (secret_sealed, previous_sealed) ON webhook_sources TO cerniq_system;
CREATE POLICY key_rotation ON webhook_sources FOR UPDATE TO cerniq_system USING (true) WITH CHECK (true);
-- The sweeper finds what was asked for and never done.
GRANT SELECT (id, workspace_id, provider, status, requested_at) ON webhook_deliveries TO cerniq_system;
CREATE POLICY sweeper ON webhook_deliveries FOR SELECT TO cerniq_system USING (status = 'received');
