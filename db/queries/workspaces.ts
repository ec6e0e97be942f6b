import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export async function workspaceExists(tx: Tx, id: string): Promise<boolean> {
  const { rowCount } = await tx.execute(sql`SELECT 1 FROM workspaces WHERE id = ${id}`);
  return rowCount === 1;
}
