/**
 * Accounts of what is held and spent. There is one where a limit is set, and nowhere else: what is not limited is known
 * from the ledger alone (`provider_calls`), and no transaction waits for another because of it. Accounts are locked in
 * one fixed order, by scope and key, so that no two transactions can wait for each other; and last in a transaction,
 * because they are what all of them share.
 */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { budgetScopes } from "#db/schema/budgets.ts";
import { lockCreditAccount } from "./credits.ts";
import { executePrepared } from "./prepared.ts";

export interface AccountKey {
  /** credits: the workspace's balance, which is no row of `budgets` and moves by its own ledger. */
  scope: (typeof budgetScopes)[number] | "credits";
  /** Of the scope, in this order, with ":" between: provider, job, prospect, day. */
  key: string;
}

export interface Account extends AccountKey {
  limitMicros: number;
  heldMicros: number;
  spentMicros: number;
}

/** What is added to an account; taken away where it is negative. */
export interface Movement extends AccountKey {
  heldMicros: number;
  spentMicros: number;
}

interface Owner {
  workspaceId: string;
  jobId: string;
}

/**
 * Locks those of the accounts that are limited until the transaction ends, and says how they stand. The first to come
 * opens a job's, a prospect's or a day's. Until the transaction ends no limit is set or lifted.
 */
export async function lockAccounts(tx: Tx, owner: Owner, wanted: readonly AccountKey[]): Promise<Account[]> {
  let limited = await lockLimited(tx, owner, wanted);
  const missing = limited.filter(({ heldMicros }) => heldMicros === null);
  if (missing.length > 0) {
    await openAccounts(tx, owner.workspaceId, missing);
    limited = await lockLimited(tx, owner, wanted);
  }
  const accounts = limited as Account[];
  if (!accounts.some(({ scope }) => scope === "credits")) return accounts;
  // After the budgets, as whoever settles does.
  const credits = await lockCreditAccount(tx, owner.workspaceId);
  const limitMicros = credits?.balanceMicros ?? 0;
  return accounts.map((account) => (account.scope === "credits" ? { ...account, limitMicros } : account));
}

/** Those of the accounts that a limit holds for, and the credits (not locked). Nulls: it is not opened yet. */
async function lockLimited(
  tx: Tx,
  { workspaceId, jobId }: Owner,
  wanted: readonly AccountKey[],
): Promise<(AccountKey & { limitMicros: number; heldMicros: number | null; spentMicros: number | null })[]> {
  // Reading with FOR UPDATE keeps `setLimits` out until the transaction ends, also where there is no row to lock.
  const { rows } = await executePrepared<
    AccountKey & Record<string, unknown> & { limitMicros: number; heldMicros: number; spentMicros: number }
  >(
    tx,
    sql`
    WITH wanted AS (SELECT * FROM ${unnestKeys(wanted)} AS w (scope, key)), locked AS MATERIALIZED (
      SELECT b.scope, b.key, b.held_micros, b.spent_micros FROM budgets b
      WHERE b.workspace_id = ${workspaceId} AND (b.scope, b.key) IN (SELECT * FROM wanted)
      ORDER BY b.scope, b.key FOR UPDATE OF b
    ), limited AS (
      SELECT w.scope, w.key, l.limit_micros FROM wanted w JOIN budget_limits l ON l.workspace_id = ${workspaceId}
        AND l.provider = CASE WHEN w.scope LIKE 'provider%' THEN split_part(w.key, ':', 1) ELSE '' END
        AND l.period = CASE WHEN w.scope LIKE '%_day' THEN 'day' ELSE 'total' END
      WHERE w.scope NOT IN ('job', 'prospect')
      UNION ALL
      SELECT w.scope, w.key, CASE w.scope WHEN 'job' THEN j.max_cost_micros ELSE j.max_cost_micros_per_prospect END
      FROM wanted w JOIN jobs j ON j.id = ${jobId} WHERE w.scope IN ('job', 'prospect')
    )
    SELECT scope, key, limit_micros AS "limitMicros", held_micros AS "heldMicros", spent_micros AS "spentMicros"
    FROM limited LEFT JOIN locked USING (scope, key) WHERE limit_micros IS NOT NULL
    UNION ALL SELECT 'credits', '', balance_micros, 0, 0 FROM credit_accounts WHERE workspace_id = ${workspaceId}`,
  );
  return rows;
}

/** Empty: whatever was held or spent before a limit was set, `setLimits` has opened the accounts of. */
async function openAccounts(
  tx: Tx,
  workspaceId: string,
  accounts: readonly (AccountKey & { limitMicros: number })[],
): Promise<void> {
  await executePrepared(
    tx,
    sql`
    INSERT INTO budgets (workspace_id, scope, key, limit_micros)
    SELECT ${workspaceId}::uuid, scope, key, limit_micros
    FROM unnest(${sql.param(accounts.map(({ scope }) => scope))}::text[], ${sql.param(accounts.map(({ key }) => key))}::text[],
      ${sql.param(accounts.map(({ limitMicros }) => limitMicros))}::bigint[]) AS a (scope, key, limit_micros)
    ORDER BY scope, key
    ON CONFLICT DO NOTHING`,
  );
}

/**
 * Moves accounts, locked in their order. Those that do not exist, for want of a limit, are left out.
 * @throws the database's check violation when an account would go past its limit
 */
export async function moveAccounts(
  tx: Tx,
  workspaceId: string,
  movements: readonly Movement[],
): Promise<void> {
  if (movements.length === 0) return;
  const held = movements.map(({ heldMicros }) => heldMicros);
  const spent = movements.map(({ spentMicros }) => spentMicros);
  await executePrepared(
    tx,
    sql`
    WITH wanted AS (
      SELECT * FROM unnest(${sql.param(movements.map(({ scope }) => scope))}::text[],
        ${sql.param(movements.map(({ key }) => key))}::text[], ${sql.param(held)}::bigint[],
        ${sql.param(spent)}::bigint[]) AS w (scope, key, held, spent)
    ), locked AS MATERIALIZED (
      SELECT b.scope, b.key FROM budgets b JOIN wanted USING (scope, key)
      WHERE b.workspace_id = ${workspaceId} ORDER BY b.scope, b.key FOR UPDATE OF b
    )
    UPDATE budgets b SET held_micros = b.held_micros + w.held, spent_micros = b.spent_micros + w.spent
    FROM locked JOIN wanted w USING (scope, key)
    WHERE b.workspace_id = ${workspaceId} AND b.scope = locked.scope AND b.key = locked.key`,
  );
}

export interface BudgetLimit {
  /** Null: all providers together. */
  provider: string | null;
  period: "total" | "day";
  /** Null: no limit. */
  limitMicros: number | null;
}

export interface Budget extends BudgetLimit {
  heldMicros: number;
  spentMicros: number;
  /** Null: no limit. */
  leftMicros: number | null;
}

/**
 * Sets or lifts limits, from today on. A limit below what is held and spent stops all further spending; what is held
 * already may still be spent.
 */
export async function setLimits(
  tx: Tx,
  workspaceId: string,
  limits: readonly BudgetLimit[],
  today: string,
): Promise<void> {
  // Waits for whoever is holding or settling, and lets nobody in: the ledger is summed while nothing moves.
  await tx.execute(sql`LOCK TABLE budgets IN EXCLUSIVE MODE`);
  for (const { provider, period, limitMicros } of limits) {
    const limit = sql`workspace_id = ${workspaceId} AND provider = ${provider ?? ""} AND period = ${period}`;
    const scope = `${provider === null ? "workspace" : "provider"}${period === "day" ? "_day" : ""}`;
    const ofProvider = sql`(${provider}::text IS NULL OR split_part(key, ':', 1) = ${provider})`;
    await tx.execute(sql`DELETE FROM budget_limits WHERE ${limit}`);
    await tx.execute(sql`
      DELETE FROM budgets WHERE workspace_id = ${workspaceId} AND scope = ${scope} AND ${ofProvider}`);
    if (limitMicros === null) continue;
    await tx.execute(sql`
      INSERT INTO budget_limits (workspace_id, provider, period, limit_micros)
      VALUES (${workspaceId}, ${provider ?? ""}, ${period}, ${limitMicros})`);
    // As the keys of accounts are written: provider, day.
    const key = sql`concat_ws(':', ${provider}::text, ${period === "day" ? sql`as_of::text` : sql`NULL`})`;
    await tx.execute(sql`
      INSERT INTO budgets (workspace_id, scope, key, limit_micros, held_micros, spent_micros)
      SELECT ${workspaceId}::uuid, ${scope}::text, ${key}, ${limitMicros}::bigint, sum(${HELD}), sum(cost_micros)
      FROM provider_calls
      WHERE workspace_id = ${workspaceId} AND ${PAID} AND (${provider}::text IS NULL OR provider = ${provider})
        AND (${period === "total"} OR as_of >= ${today})
      GROUP BY 3`);
  }
}

/** Every limit that is set, and what is held and spent, today and in all, of the workspace and of each provider paid. */
export async function listBudgets(tx: Tx, workspaceId: string, today: string): Promise<Budget[]> {
  const { rows } = await tx.execute<Budget & Record<string, unknown>>(sql`
    WITH used AS (
      SELECT coalesce(provider, '') AS provider, day, sum(held) AS held, sum(spent) AS spent
      FROM (SELECT provider, as_of = ${today} AS day, ${HELD} AS held, cost_micros AS spent
            FROM provider_calls WHERE workspace_id = ${workspaceId} AND ${PAID}) call
      GROUP BY GROUPING SETS ((provider, day), (day))
    ), account AS (
      SELECT provider, 'total' AS period, sum(held) AS held, sum(spent) AS spent FROM used GROUP BY provider
      UNION ALL SELECT provider, 'day', held, spent FROM used WHERE day
    ), allowed AS (SELECT provider, period, limit_micros FROM budget_limits WHERE workspace_id = ${workspaceId})
    SELECT nullif(provider, '') AS provider, period, limit_micros AS "limitMicros",
           coalesce(held, 0)::bigint AS "heldMicros", coalesce(spent, 0)::bigint AS "spentMicros",
           CASE WHEN limit_micros IS NOT NULL
             THEN greatest(limit_micros - coalesce(held, 0) - coalesce(spent, 0), 0)::bigint END AS "leftMicros"
    FROM account FULL JOIN allowed USING (provider, period)
    ORDER BY provider, period DESC`);
  return rows;
}

/** What a call of the ledger holds. */
const HELD = sql`CASE WHEN status IN ('reserved', 'sending', 'unknown') THEN reserved_cost_micros ELSE 0 END`;
/** Those that cost or may cost something: few of all calls, with an index of their own. */
const PAID = sql`reserved_cost_micros > 0`;

const unnestKeys = (keys: readonly AccountKey[]) =>
  sql`unnest(${sql.param(keys.map(({ scope }) => scope))}::text[], ${sql.param(keys.map(({ key }) => key))}::text[])`;
