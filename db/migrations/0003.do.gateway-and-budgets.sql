-- The gateway to providers: what a call holds and has cost, two states before an answer, and hard budgets.
-- Why: docs/decisions/0007-gateway-and-budgets.md.

-- Row-level security binds the owner too, who has rows of all workspaces to complete.
ALTER TABLE provider_calls NO FORCE ROW LEVEL SECURITY;
ALTER TABLE snapshots NO FORCE ROW LEVEL SECURITY;

ALTER TABLE jobs
  ADD COLUMN max_cost_micros bigint,
  ADD COLUMN max_cost_micros_per_prospect bigint,
  ADD CONSTRAINT jobs_max_cost_check CHECK (max_cost_micros >= 0 AND max_cost_micros_per_prospect >= 0);

ALTER TABLE provider_calls
  ADD COLUMN field text,
  -- The day in Romania when it was reserved: which day's budget it holds.
  ADD COLUMN as_of date,
  -- Whether it may be made again when its outcome is not known.
  ADD COLUMN repeatable boolean NOT NULL DEFAULT true,
  -- Requests that went out, or may have; an attempt can end before that.
  ADD COLUMN requests integer NOT NULL DEFAULT 0,
  -- Subjects that were found in the answers.
  ADD COLUMN found integer NOT NULL DEFAULT 0,
  -- What the provider says it charged beyond what was held. Not 0: its price is wrong in our books.
  ADD COLUMN overcharged_micros bigint NOT NULL DEFAULT 0;
UPDATE provider_calls SET field = split_part(idempotency_key, ':', 3), requests = attempts,
  as_of = (created_at AT TIME ZONE 'Europe/Bucharest')::date;
ALTER TABLE provider_calls
  ALTER COLUMN field SET NOT NULL,
  ALTER COLUMN as_of SET NOT NULL,
  ALTER COLUMN repeatable DROP DEFAULT,
  DROP CONSTRAINT provider_calls_status_check,
  -- reserved: held, nothing sent. sending: may be on the wire. unknown: was, and nobody heard the answer.
  ADD CONSTRAINT provider_calls_status_check CHECK (status IN ('reserved', 'sending', 'settled', 'failed', 'unknown')),
  ADD CONSTRAINT provider_calls_cost_check CHECK (reserved_cost_micros >= 0 AND cost_micros >= 0),
  -- One provider may have several operations on the same record.
  DROP CONSTRAINT provider_calls_key,
  ADD CONSTRAINT provider_calls_key UNIQUE (workspace_id, idempotency_key, operation);
CREATE INDEX provider_calls_lease_idx ON provider_calls (lease_until) WHERE status IN ('reserved', 'sending');
CREATE INDEX provider_calls_unknown_idx ON provider_calls (workspace_id, id) WHERE status = 'unknown';
-- The last 24 hours of a provider, without its rows.
CREATE INDEX provider_calls_ended_idx ON provider_calls (workspace_id, provider, ended_at)
  INCLUDE (status, requests, found, cost_micros, duration_ms) WHERE ended_at IS NOT NULL;

ALTER TABLE snapshots
  ADD COLUMN operation text,
  -- For whom it was asked, and on whose budget. No foreign key: the ledger outlives prospects.
  ADD COLUMN prospect_id uuid,
  ADD COLUMN cost_micros bigint NOT NULL DEFAULT 0;
UPDATE snapshots s SET operation = c.operation FROM provider_calls c WHERE c.id = s.call_id;
ALTER TABLE snapshots
  ALTER COLUMN operation SET NOT NULL,
  DROP CONSTRAINT snapshots_status_check,
  -- lost: the provider was paid, and the answer never reached us. Not asked again that day, nor by that job.
  ADD CONSTRAINT snapshots_status_check CHECK (status IN ('claimed', 'found', 'not_found', 'lost')),
  DROP CONSTRAINT snapshots_subject_day_key,
  ADD CONSTRAINT snapshots_subject_day_key UNIQUE (workspace_id, provider, operation, subject, as_of);

ALTER TABLE provider_calls FORCE ROW LEVEL SECURITY;
ALTER TABLE snapshots FORCE ROW LEVEL SECURITY;

-- What people allow. provider '': all of them together. A day is one in Romania.
CREATE TABLE budget_limits (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  provider text NOT NULL DEFAULT '',
  period text NOT NULL,
  limit_micros bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT budget_limits_pkey PRIMARY KEY (workspace_id, provider, period),
  CONSTRAINT budget_limits_period_check CHECK (period IN ('total', 'day')),
  CONSTRAINT budget_limits_limit_check CHECK (limit_micros >= 0)
);

-- One account per workspace, provider, day of either, job, and prospect of a job that limits it.
CREATE TABLE budgets (
  workspace_id uuid NOT NULL REFERENCES workspaces (id),
  scope text NOT NULL,
  -- Of the scope, in this order, with ':' between: provider, job, prospect, day.
  key text NOT NULL,
  limit_micros bigint,
  held_micros bigint NOT NULL DEFAULT 0,
  spent_micros bigint NOT NULL DEFAULT 0,
  CONSTRAINT budgets_pkey PRIMARY KEY (workspace_id, scope, key),
  CONSTRAINT budgets_scope_check
    CHECK (scope IN ('prospect', 'job', 'provider_day', 'provider', 'workspace_day', 'workspace')),
  CONSTRAINT budgets_amounts_check CHECK (held_micros >= 0 AND spent_micros >= 0)
) WITH (fillfactor = 50); -- room for the next version beside each row: these are the most written rows of all

-- Beneath the code: whatever is held or spent more must be within the limit. A limit may be set below what is spent;
-- then nothing more is. (That is why it is no CHECK.)
CREATE FUNCTION refuse_over_budget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE check_violation USING CONSTRAINT = 'budgets_limit_check', TABLE = 'budgets',
    MESSAGE = format('The budget of %s is used up.', NEW.scope);
END $$;
CREATE TRIGGER budgets_limit_check BEFORE UPDATE ON budgets FOR EACH ROW
  WHEN (NEW.held_micros + NEW.spent_micros > NEW.limit_micros
    AND NEW.held_micros + NEW.spent_micros > OLD.held_micros + OLD.spent_micros)
  EXECUTE FUNCTION refuse_over_budget();

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['budget_limits', 'budgets'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I TO cerniq_app '
                   'USING (workspace_id = (SELECT current_workspace())) '
                   'WITH CHECK (workspace_id = (SELECT current_workspace()))', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO cerniq_app', t);
  END LOOP;
END $$;

-- The sweeper finds calls whose process has died, and ends them within their own workspace.
CREATE POLICY sweeper ON provider_calls TO cerniq_system USING (true);
GRANT SELECT ON provider_calls TO cerniq_system;
-- As a subquery the workspace is looked up once a statement, not once a row.
ALTER POLICY tenant_isolation ON provider_calls
  USING (workspace_id = (SELECT current_workspace())) WITH CHECK (workspace_id = (SELECT current_workspace()));
ALTER POLICY tenant_isolation ON snapshots
  USING (workspace_id = (SELECT current_workspace())) WITH CHECK (workspace_id = (SELECT current_workspace()));
