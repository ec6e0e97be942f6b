import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { MemberRole } from "#db/schema/memberships.ts";

export interface Membership {
  workspaceId: string;
  slug: string;
  name: string;
  role: MemberRole;
}

/** Of a user, the oldest first. */
export async function membershipsOf(tx: Tx, userId: string): Promise<Membership[]> {
  const { rows } = await tx.execute<Membership & Record<string, unknown>>(sql`
    SELECT w.id AS "workspaceId", w.slug, w.name, m.role
    FROM memberships m JOIN workspaces w ON w.id = m.workspace_id
    WHERE m.user_id = ${userId} ORDER BY m.created_at, w.id`);
  return rows;
}

/** False: the user is a member already. */
export async function insertMembership(
  tx: Tx,
  member: { workspaceId: string; userId: string; role: MemberRole },
): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`
    INSERT INTO memberships (workspace_id, user_id, role) VALUES (${member.workspaceId}, ${member.userId}, ${member.role})
    ON CONFLICT DO NOTHING`);
  return rowCount === 1;
}

/**
 * The role of a member of this workspace, and how many owners there are. Owners are locked until the transaction ends,
 * so that two of them cannot demote each other at the same time. Null: no member.
 */
export async function lockMember(
  tx: Tx,
  userId: string,
): Promise<{ role: MemberRole; owners: number } | null> {
  const owners = await tx.execute(
    sql`SELECT 1 FROM memberships WHERE role = 'owner' ORDER BY user_id FOR UPDATE`,
  );
  const { rows } = await tx.execute<{ role: MemberRole }>(
    sql`SELECT role FROM memberships WHERE user_id = ${userId} FOR UPDATE`,
  );
  return rows[0] ? { role: rows[0].role, owners: owners.rows.length } : null;
}

export async function setRole(tx: Tx, userId: string, role: MemberRole): Promise<void> {
  await tx.execute(sql`UPDATE memberships SET role = ${role} WHERE user_id = ${userId}`);
}

export async function deleteMembership(tx: Tx, userId: string): Promise<void> {
  await tx.execute(sql`DELETE FROM memberships WHERE user_id = ${userId}`);
}

/** Whether somebody with this e-mail address is a member of this workspace. */
export async function isMember(tx: Tx, email: string): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`SELECT 1 FROM users WHERE email = ${email}`);
  return rowCount === 1;
}
