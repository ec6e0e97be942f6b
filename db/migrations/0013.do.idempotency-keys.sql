-- 0013 idempotency keys: which requests were made already, and what was answered.
-- Why: docs/decisions/0013-api.md.

CREATE TABLE idempotency_keys (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  -- Callers choose keys: they may hold anything.
  key_sha256 text NOT NULL,
  -- Of who asked for what: another request under the same key is a mistake.
  request_sha256 text NOT NULL,
  -- The attempt that works on it, and since when. One that has died without effect is taken over.
  claim_id uuid NOT NULL,
  claimed_at timestamptz NOT NULL DEFAULT now(),
  -- Set in the transaction of what the request does: with it, or not at all.
  done_at timestamptz,
  -- JSON, sealed by the vault: it may hold what is shown only once. NULL though done: the process died before it answered.
  answer text,
  expires_at timestamptz NOT NULL,
  CONSTRAINT idempotency_keys_key UNIQUE (workspace_id, key_sha256),
  CONSTRAINT idempotency_keys_answer_check CHECK (answer IS NULL OR done_at IS NOT NULL)
);
CREATE INDEX idempotency_keys_expires_idx ON idempotency_keys (workspace_id, expires_at);
SELECT make_tenant_table('idempotency_keys');
-- Rotation (src/platform/rotation.ts) seals every workspace's answers anew.
CREATE POLICY rotation ON idempotency_keys TO cerniq_system USING (true) WITH CHECK (true);
GRANT SELECT (id, workspace_id, key_sha256, answer), UPDATE (answer) ON idempotency_keys TO cerniq_system;
