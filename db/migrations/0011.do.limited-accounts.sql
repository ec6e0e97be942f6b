-- An account is kept where a limit is set, and nowhere else: the rest is in the ledger, without a row that all share.
-- Why: docs/decisions/0007-gateway-and-budgets.md.

-- Row-level security binds the owner too, who has rows of all workspaces to delete.
ALTER TABLE budgets NO FORCE ROW LEVEL SECURITY;
DELETE FROM budgets WHERE limit_micros IS NULL;
ALTER TABLE budgets FORCE ROW LEVEL SECURITY;
ALTER TABLE budgets ALTER COLUMN limit_micros SET NOT NULL;

-- What was held and spent, without the calls that are free.
CREATE INDEX provider_calls_paid_idx ON provider_calls (workspace_id, provider, as_of)
  INCLUDE (status, reserved_cost_micros, cost_micros) WHERE reserved_cost_micros > 0;
