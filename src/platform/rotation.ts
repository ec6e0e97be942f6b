/** Rotation: everything that the vault has sealed is sealed again under its current key. */
import { type Db, inSystem } from "#db/client.ts";
import {
  countByKey,
  replaceSealed,
  type SealedColumn,
  sealedColumns,
  sealedUnderOtherKeys,
} from "#db/queries/sealed-columns.ts";
import { type Vault, VaultError } from "./vault.ts";

export interface RotationReport {
  /** Sealed anew by this run. */
  resealed: number;
  /** `table.column` and id of each value that does not open: its key is not there, or it was changed. */
  unreadable: string[];
  /** How many values lie under which key now. A key without any may be dropped. */
  left: Map<string, number>;
}

const BATCH = 200;

/**
 * Goes through all sealed columns, a transaction for each batch: broken off anywhere, the next run goes on with what is
 * left. Several at once do no harm. Values that do not open stay as they are.
 */
export async function rotateSecrets(
  db: Db,
  vault: Vault,
  columns: readonly SealedColumn[] = sealedColumns,
): Promise<RotationReport> {
  const report: RotationReport = { resealed: 0, unreadable: [], left: new Map() };
  for (const column of columns) {
    await rotateColumn(db, vault, column, report);
    const counts = await inSystem(db, (tx) => countByKey(tx, column));
    for (const [key, count] of counts) report.left.set(key, (report.left.get(key) ?? 0) + count);
  }
  return report;
}

async function rotateColumn(
  db: Db,
  vault: Vault,
  column: SealedColumn,
  report: RotationReport,
): Promise<void> {
  let afterId: string | null = null;
  for (;;) {
    const at = { keyId: vault.currentKeyId, afterId, limit: BATCH };
    afterId = await inSystem(db, async (tx) => {
      const values = await sealedUnderOtherKeys(tx, column, at);
      for (const value of values) {
        try {
          const resealed = vault.reseal(value, value.sealed);
          if (resealed) await replaceSealed(tx, column, value, resealed);
          report.resealed++;
        } catch (error) {
          if (!(error instanceof VaultError)) throw error;
          report.unreadable.push(`${column.table}.${column.column} ${value.id}`);
        }
      }
      return values.length < BATCH ? null : (values.at(-1)?.id ?? null);
    });
    if (afterId === null) return;
  }
}
