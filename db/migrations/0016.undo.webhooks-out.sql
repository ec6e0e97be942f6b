DROP TABLE endpoint_attempts, endpoint_deliveries, webhook_messages, webhook_endpoints;
