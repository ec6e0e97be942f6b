/** What people have paused in a workspace: looked at wherever something would begin. */
import { type SQL, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { PauseKind } from "#db/schema/pauses.ts";
import { executePrepared } from "./prepared.ts";

export interface Pause {
  id: string;
  kind: PauseKind;
  /** The id of a provider or function, or a domain; empty for the workspace. */
  target: string;
  reason: string;
  pausedBy: string;
  createdAt: string;
  liftedBy: string | null;
  liftedAt: string | null;
}

/** A query for the pause that keeps a function from beginning; it can be gone on with by `AND`, on `pauses p`. */
export const pauseOfFunction = (functionId: SQL): SQL => sql`
  SELECT p.id FROM pauses p
  WHERE p.lifted_at IS NULL AND (p.kind = 'workspace' OR (p.kind = 'function' AND p.target = ${functionId}))`;

/** The id of a pause that keeps a function of this workspace from beginning; null: it may begin. */
export async function findPauseOfFunction(tx: Tx, functionId: string): Promise<string | null> {
  const { rows } = await tx.execute<{ id: string }>(sql`${pauseOfFunction(sql`${functionId}`)} LIMIT 1`);
  return rows[0]?.id ?? null;
}

/** Ids of pauses that keep a provider, or single sites, from being asked: those by domain. */
export async function findPausesOfProvider(
  tx: Tx,
  provider: string,
): Promise<{ provider: string | null; domains: ReadonlyMap<string, string> }> {
  const { rows } = await executePrepared<{ id: string; kind: PauseKind; target: string }>(
    tx,
    sql`
    SELECT id, kind, target FROM pauses
    WHERE lifted_at IS NULL AND (kind = 'domain' OR kind = 'provider' AND target = ${provider})`,
  );
  return {
    provider: rows.find(({ kind }) => kind === "provider")?.id ?? null,
    domains: new Map(rows.flatMap(({ kind, target, id }) => (kind === "domain" ? [[target, id]] : []))),
  };
}

/** Pauses it, or finds that it is. Returns the pause's id, and whether it is new. */
export async function insertPause(
  tx: Tx,
  pause: { workspaceId: string; kind: PauseKind; target: string; reason: string; by: string },
): Promise<{ id: string; isNew: boolean }> {
  const { rows } = await tx.execute<{ id: string; isNew: boolean }>(sql`
    WITH added AS (
      INSERT INTO pauses (workspace_id, kind, target, reason, paused_by)
      VALUES (${pause.workspaceId}, ${pause.kind}, ${pause.target}, ${pause.reason}, ${pause.by})
      ON CONFLICT (workspace_id, kind, target) WHERE lifted_at IS NULL DO NOTHING RETURNING id)
    SELECT id, true AS "isNew" FROM added
    UNION ALL
    SELECT id, false FROM pauses WHERE kind = ${pause.kind} AND target = ${pause.target} AND lifted_at IS NULL
    ORDER BY 2 DESC LIMIT 1`);
  const [row] = rows;
  // Somebody else has just paused it: the next statement sees that.
  return row ?? insertPause(tx, pause);
}

/** Lifts a pause. Answers whether this call did; null: there is no such pause. */
export async function liftPause(tx: Tx, id: string, by: string): Promise<boolean | null> {
  const { rowCount } = await tx.execute(
    sql`UPDATE pauses SET lifted_at = now(), lifted_by = ${by} WHERE id = ${id} AND lifted_at IS NULL`,
  );
  if (rowCount === 1) return true;
  const { rows } = await tx.execute(sql`SELECT FROM pauses WHERE id = ${id}`);
  return rows.length === 1 ? false : null;
}

/** The newest first; with `active` only those that hold. */
export async function listPauses(
  tx: Tx,
  { active, beforeId, limit }: { active: boolean; beforeId: string | null; limit: number },
): Promise<Pause[]> {
  const { rows } = await tx.execute<Pause & Record<string, unknown>>(sql`
    SELECT id, kind, target, reason, paused_by AS "pausedBy", created_at AS "createdAt",
           lifted_by AS "liftedBy", lifted_at AS "liftedAt"
    FROM pauses
    WHERE (${beforeId}::uuid IS NULL OR id < ${beforeId}::uuid) AND (lifted_at IS NULL OR NOT ${active})
    ORDER BY id DESC LIMIT ${limit}`);
  const iso = (instant: string) => new Date(instant).toISOString();
  return rows.map((row) => ({
    ...row,
    createdAt: iso(row.createdAt),
    liftedAt: row.liftedAt === null ? null : iso(row.liftedAt),
  }));
}

/**
 * Puts an event, whose run may not begin, back into the outbox, in its old place: it is sent when the pause is lifted,
 * under a new id, as the engine starts no second run for the old one. The new one differs in its random end only, so that
 * it sorts where the old one did. Does nothing when that was done before.
 */
export async function holdEvent(tx: Tx, eventId: string, pauseId: string): Promise<void> {
  await tx.execute(sql`
    WITH taken AS (
      UPDATE outbox SET consumed_at = now() WHERE id::text = ${eventId} AND consumed_at IS NULL
      RETURNING id, workspace_id, name, data, created_at)
    INSERT INTO outbox (id, workspace_id, name, data, created_at, next_send_at, waits_for)
    SELECT overlay(id::text PLACING left(gen_random_uuid()::text, 8) FROM 29)::uuid, workspace_id, name, data, created_at, 'infinity', ${pauseId}::uuid FROM taken`);
}

/** Lets events go that no pause holds any more, across workspaces (call it in {@link inSystem}). Returns how many. */
export async function releaseEvents(tx: Tx): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    UPDATE outbox SET next_send_at = outbox.created_at, waits_for = NULL
    FROM pauses WHERE pauses.id = outbox.waits_for AND pauses.lifted_at IS NOT NULL`);
  return rowCount ?? 0;
}
