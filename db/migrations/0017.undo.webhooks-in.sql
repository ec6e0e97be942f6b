DROP TABLE webhook_refusals, inbound_events, webhook_deliveries, webhook_sources;
DROP POLICY webhook_door ON workspaces;
REVOKE SELECT (id, slug) ON workspaces FROM cerniq_system;
