/** Verbs on rejected rows. They are written by COPY, in db/queries/import-segments.ts. */
import { and, asc, eq, gt } from "drizzle-orm";
import type { Tx } from "../client.ts";
import { rejectedRows } from "../schema/rejected-rows.ts";

export interface RejectedRow {
  lineNumber: number;
  reason: string;
  field: string | null;
}

/** Rejects of an import in the file's order, behind `afterLine`, at most `limit`. */
export async function listRejectedRows(
  tx: Tx,
  {
    workspaceId,
    importId,
    afterLine,
    limit,
  }: { workspaceId: string; importId: string; afterLine: number; limit: number },
): Promise<RejectedRow[]> {
  return tx
    .select({ lineNumber: rejectedRows.lineNumber, reason: rejectedRows.reason, field: rejectedRows.field })
    .from(rejectedRows)
    .where(
      and(
        eq(rejectedRows.workspaceId, workspaceId),
        eq(rejectedRows.importId, importId),
        gt(rejectedRows.lineNumber, afterLine),
      ),
    )
    .orderBy(asc(rejectedRows.lineNumber))
    .limit(limit);
}
