DROP INDEX provider_calls_paid_idx;
ALTER TABLE budgets ALTER COLUMN limit_micros DROP NOT NULL;

-- The older release keeps an account of whatever is paid, by job and by provider, day or not.
ALTER TABLE budgets NO FORCE ROW LEVEL SECURITY;
ALTER TABLE provider_calls NO FORCE ROW LEVEL SECURITY;
INSERT INTO budgets (workspace_id, scope, key, held_micros, spent_micros)
SELECT workspace_id,
  CASE GROUPING(job_id, provider, as_of) WHEN 3 THEN 'job' WHEN 4 THEN 'provider_day' WHEN 5 THEN 'provider'
    WHEN 6 THEN 'workspace_day' ELSE 'workspace' END,
  concat_ws(':', job_id, provider, as_of),
  sum(CASE WHEN status IN ('reserved', 'sending', 'unknown') THEN reserved_cost_micros ELSE 0 END), sum(cost_micros)
FROM provider_calls WHERE reserved_cost_micros > 0
GROUP BY GROUPING SETS ((workspace_id, job_id), (workspace_id, provider, as_of), (workspace_id, provider),
  (workspace_id, as_of), (workspace_id))
ON CONFLICT DO NOTHING;
ALTER TABLE provider_calls FORCE ROW LEVEL SECURITY;
ALTER TABLE budgets FORCE ROW LEVEL SECURITY;
