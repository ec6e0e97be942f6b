import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export async function workspaceExists(tx: Tx, id: string): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`SELECT 1 FROM workspaces WHERE id = ${id}`);
  return rowCount === 1;
}

export interface Workspace {
  id: string;
  slug: string;
  name: string;
}

/** As the access role. Null: somebody has that slug. */
export async function insertWorkspace(tx: Tx, { slug, name }: Omit<Workspace, "id">): Promise<string | null> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    INSERT INTO workspaces (slug, name) VALUES (${slug}, ${name}) ON CONFLICT (slug) DO NOTHING RETURNING id`);
  return rows[0]?.id ?? null;
}

/** As the access role: those of a user, the one with this id or slug, or all; by id, after `afterId`. */
export async function listWorkspaces(
  tx: Tx,
  only: { userId?: string; id?: string; slug?: string },
  { afterId, limit }: { afterId: string | null; limit: number },
): Promise<Workspace[]> {
  const { userId = null, id = null, slug = null } = only;
  const { rows } = await tx.execute<Workspace & Record<string, unknown>>(sql`
    SELECT id, slug, name FROM workspaces
    WHERE (${slug}::text IS NULL OR slug = ${slug}) AND (${id}::uuid IS NULL OR id = ${id}::uuid)
      AND (${userId}::uuid IS NULL
           OR id IN (SELECT workspace_id FROM memberships WHERE user_id = ${userId}::uuid))
      AND (${afterId}::uuid IS NULL OR id > ${afterId}::uuid)
    ORDER BY id LIMIT ${limit}`);
  return rows;
}

/** As the retention role: every workspace. */
export async function allWorkspaces(tx: Tx): Promise<Pick<Workspace, "id" | "slug">[]> {
  const { rows } = await tx.execute<Pick<Workspace, "id" | "slug">>(
    sql`SELECT id, slug FROM workspaces ORDER BY slug`,
  );
  return rows;
}
