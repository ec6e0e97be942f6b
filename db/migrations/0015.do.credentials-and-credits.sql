-- Providers' credentials of workspaces, sealed; credits: an account per workspace and the ledger that moves it.
-- Why: docs/decisions/0015-vault-credentials-credits.md.

CREATE TABLE provider_credentials (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  provider text NOT NULL,
  -- JSON, sealed by the vault. It is another text at each sealing, and so also says which version it is.
  sealed text NOT NULL,
  -- The last four characters of each part, to be shown.
  last_four jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  updated_by text NOT NULL,
  -- What the provider said of it when last checked; check_error null: accepted.
  checked_at timestamptz,
  check_error text,
  CONSTRAINT provider_credentials_key UNIQUE (workspace_id, provider),
  CONSTRAINT provider_credentials_sealed_check CHECK (sealed LIKE 'v1.%.%')
);
SELECT make_tenant_table('provider_credentials');
-- Rotation (src/platform/rotation.ts) seals every workspace's secrets anew.
CREATE POLICY rotation ON provider_credentials TO cerniq_system USING (true) WITH CHECK (true);
GRANT SELECT (id, workspace_id, provider, sealed), UPDATE (sealed) ON provider_credentials TO cerniq_system;

-- What a workspace may still spend. One without an account is not limited by credits. Micro-euros.
CREATE TABLE credit_accounts (
  workspace_id uuid PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
  balance_micros bigint NOT NULL DEFAULT 0,
  -- Of reservations that are neither settled nor refunded. It has left the balance.
  reserved_micros bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT credit_accounts_balance_check CHECK (balance_micros >= 0 AND reserved_micros >= 0)
) WITH (fillfactor = 50);

-- Append-only. The sums of an account's entries are the account.
CREATE TABLE credit_entries (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  workspace_id uuid NOT NULL REFERENCES credit_accounts (workspace_id) ON DELETE CASCADE,
  kind text NOT NULL,
  -- What it adds to the balance, and to what is reserved.
  balance_micros bigint NOT NULL,
  reserved_micros bigint NOT NULL DEFAULT 0,
  -- The reservation that a settlement or refund ends: each only once.
  reservation_id uuid CONSTRAINT credit_entries_reservation_key UNIQUE,
  -- What it is for: an invoice, a call to a provider.
  reference text NOT NULL,
  idempotency_key text NOT NULL,
  -- Null: the engine itself.
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT credit_entries_list_key UNIQUE (workspace_id, id),
  CONSTRAINT credit_entries_reservation_fkey FOREIGN KEY (workspace_id, reservation_id)
    REFERENCES credit_entries (workspace_id, id),
  CONSTRAINT credit_entries_idempotency_key UNIQUE (workspace_id, idempotency_key),
  CONSTRAINT credit_entries_kind_check CHECK (CASE kind
    WHEN 'grant' THEN balance_micros > 0 AND reserved_micros = 0
    WHEN 'adjust' THEN balance_micros <> 0 AND reserved_micros = 0
    WHEN 'reserve' THEN balance_micros < 0 AND reserved_micros = -balance_micros
    WHEN 'settle' THEN balance_micros >= 0 AND balance_micros < -reserved_micros
    WHEN 'refund' THEN balance_micros > 0 AND reserved_micros = -balance_micros
    ELSE false END),
  CONSTRAINT credit_entries_ends_check CHECK ((kind IN ('settle', 'refund')) = (reservation_id IS NOT NULL))
);

-- Beneath the code: an account moves with its ledger, and in no other way.
CREATE FUNCTION move_credit_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE credit_accounts a SET balance_micros = a.balance_micros + sums.balance,
    reserved_micros = a.reserved_micros + sums.reserved
  FROM (SELECT workspace_id, sum(balance_micros) AS balance, sum(reserved_micros) AS reserved
        FROM entries GROUP BY workspace_id) sums
  WHERE a.workspace_id = sums.workspace_id;
  RETURN NULL;
END $$;
CREATE TRIGGER credit_entries_move AFTER INSERT ON credit_entries REFERENCING NEW TABLE AS entries
  FOR EACH STATEMENT EXECUTE FUNCTION move_credit_accounts();

CREATE FUNCTION refuse_direct_credit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE insufficient_privilege USING MESSAGE = 'A credit account moves by its ledger only.';
END $$;
CREATE TRIGGER credit_accounts_ledger_only BEFORE UPDATE ON credit_accounts FOR EACH ROW
  WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION refuse_direct_credit();

SELECT make_tenant_table('credit_accounts', 'SELECT, INSERT (workspace_id), UPDATE (balance_micros, reserved_micros)');
SELECT make_tenant_table('credit_entries', 'SELECT, INSERT');
