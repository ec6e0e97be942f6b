/**
 * Accounts of what is held and spent. They are locked in one fixed order, by scope and key, so that no two
 * transactions can wait for each other; and last in a transaction, because they are what all of them share.
 */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { budgetScopes } from "#db/schema/budgets.ts";

export interface AccountKey {
  scope: (typeof budgetScopes)[number];
  /** Of the scope, in this order, with ":" between: provider, job, prospect, day. */
  key: string;
}

export interface Account extends AccountKey {
  /** Null: no limit. */
  limitMicros: number | null;
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
 * Locks accounts until the transaction ends, and says how they stand. Those that do not exist yet are made, with the
 * limits that are set; those of prospects only where the job limits what one of them may cost.
 */
export async function lockAccounts(
  tx: Tx,
  owner: Owner,
  wanted: { shared: readonly AccountKey[]; prospects: readonly AccountKey[] },
): Promise<Account[]> {
  const all = [...wanted.shared, ...wanted.prospects];
  const found = await lockExisting(tx, owner, all);
  const needed = found.limitsProspects === false ? wanted.shared.length : all.length;
  if (found.accounts.length >= needed) return found.accounts;
  await makeAccounts(tx, owner, all);
  return (await lockExisting(tx, owner, all)).accounts;
}

async function lockExisting(
  tx: Tx,
  { workspaceId, jobId }: Owner,
  wanted: readonly AccountKey[],
): Promise<{ accounts: Account[]; limitsProspects: boolean | null }> {
  const { rows } = await tx.execute<Account & Record<string, unknown> & { limitsProspects: boolean }>(sql`
    SELECT b.scope, b.key, b.limit_micros AS "limitMicros", b.held_micros AS "heldMicros", b.spent_micros AS "spentMicros",
           (SELECT max_cost_micros_per_prospect IS NOT NULL FROM jobs WHERE id = ${jobId}) AS "limitsProspects"
    FROM budgets b
    WHERE b.workspace_id = ${workspaceId} AND (b.scope, b.key) IN (SELECT * FROM ${unnestKeys(wanted)})
    ORDER BY b.scope, b.key FOR UPDATE OF b`);
  return {
    accounts: rows.map(({ limitsProspects: _, ...account }) => account),
    limitsProspects: rows[0]?.limitsProspects ?? null,
  };
}

async function makeAccounts(
  tx: Tx,
  { workspaceId, jobId }: Owner,
  wanted: readonly AccountKey[],
): Promise<void> {
  await tx.execute(sql`
    INSERT INTO budgets (workspace_id, scope, key, limit_micros)
    SELECT ${workspaceId}, w.scope, w.key, CASE w.scope
      WHEN 'job' THEN j.max_cost_micros
      WHEN 'prospect' THEN j.max_cost_micros_per_prospect
      ELSE (SELECT l.limit_micros FROM budget_limits l WHERE l.workspace_id = ${workspaceId}
        AND l.provider = CASE WHEN w.scope LIKE 'provider%' THEN split_part(w.key, ':', 1) ELSE '' END
        AND l.period = CASE WHEN w.scope LIKE '%_day' THEN 'day' ELSE 'total' END) END
    FROM ${unnestKeys(wanted)} AS w (scope, key) JOIN jobs j ON j.id = ${jobId}
    WHERE w.scope <> 'prospect' OR j.max_cost_micros_per_prospect IS NOT NULL
    ORDER BY w.scope, w.key
    ON CONFLICT DO NOTHING`);
}

/**
 * Moves accounts, locked in their order. Those that do not exist are left out: a prospect's, where its job has no limit.
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
  await tx.execute(sql`
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
    WHERE b.workspace_id = ${workspaceId} AND b.scope = locked.scope AND b.key = locked.key`);
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
 * Sets or lifts limits, for today's accounts and those to come. A limit below what is held and spent stops all further
 * spending; what is held already may still be spent.
 */
export async function setLimits(
  tx: Tx,
  workspaceId: string,
  limits: readonly BudgetLimit[],
  today: string,
): Promise<void> {
  // Accounts that are being made with the old limit would be missed: waits for whoever is at them, and lets nobody in.
  await tx.execute(sql`LOCK TABLE budgets IN EXCLUSIVE MODE`);
  const inOrder = limits.toSorted((a, b) => scopeOf(a).localeCompare(scopeOf(b)));
  for (const { provider, period, limitMicros } of inOrder) {
    await tx.execute(
      limitMicros === null
        ? sql`DELETE FROM budget_limits
            WHERE workspace_id = ${workspaceId} AND provider = ${provider ?? ""} AND period = ${period}`
        : sql`INSERT INTO budget_limits (workspace_id, provider, period, limit_micros)
            VALUES (${workspaceId}, ${provider ?? ""}, ${period}, ${limitMicros})
            ON CONFLICT (workspace_id, provider, period)
            DO UPDATE SET limit_micros = excluded.limit_micros, updated_at = now()`,
    );
    const days = sql`split_part(key, ':', ${provider === null ? 1 : 2}) >= ${today}`;
    await tx.execute(sql`
      UPDATE budgets SET limit_micros = ${limitMicros}
      WHERE workspace_id = ${workspaceId} AND scope = ${scopeOf({ provider, period })}
        AND (${provider}::text IS NULL OR split_part(key, ':', 1) = ${provider})
        AND (${period === "total"} OR ${days})`);
  }
}

/** Every limit that is set, and every account of today and of all time, of the workspace and its providers. */
export async function listBudgets(tx: Tx, workspaceId: string, today: string): Promise<Budget[]> {
  const { rows } = await tx.execute<Budget & Record<string, unknown>>(sql`
    WITH account AS (
      SELECT CASE WHEN scope LIKE 'provider%' THEN split_part(key, ':', 1) ELSE '' END AS provider,
             CASE WHEN scope LIKE '%_day' THEN 'day' ELSE 'total' END AS period, held_micros, spent_micros
      FROM budgets
      WHERE workspace_id = ${workspaceId} AND scope IN ('provider', 'workspace')
        OR workspace_id = ${workspaceId} AND scope = 'provider_day' AND split_part(key, ':', 2) = ${today}
        OR workspace_id = ${workspaceId} AND scope = 'workspace_day' AND key = ${today}
    ), allowed AS (SELECT provider, period, limit_micros FROM budget_limits WHERE workspace_id = ${workspaceId})
    SELECT nullif(provider, '') AS provider, period, limit_micros AS "limitMicros",
           coalesce(held_micros, 0) AS "heldMicros", coalesce(spent_micros, 0) AS "spentMicros",
           CASE WHEN limit_micros IS NOT NULL
             THEN greatest(limit_micros - coalesce(held_micros, 0) - coalesce(spent_micros, 0), 0) END AS "leftMicros"
    FROM account FULL JOIN allowed USING (provider, period)
    ORDER BY provider, period DESC`);
  return rows;
}

const scopeOf = ({ provider, period }: Pick<BudgetLimit, "provider" | "period">): AccountKey["scope"] =>
  `${provider === null ? "workspace" : "provider"}${period === "day" ? "_day" : ""}`;

const unnestKeys = (keys: readonly AccountKey[]) =>
  sql`unnest(${sql.param(keys.map(({ scope }) => scope))}::text[], ${sql.param(keys.map(({ key }) => key))}::text[])`;
