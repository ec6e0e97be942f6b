import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

export interface StoredPurpose {
  purpose: string;
  title: string;
  legalBasis: string;
  assessment: string;
  assessmentReference: string | null;
  dataCategories: string[];
  retention: string;
  updatedBy: string;
  /** ISO 8601. */
  updatedAt: string;
}

/** Those that this workspace has changed or added. */
export async function storedPurposes(tx: Tx): Promise<StoredPurpose[]> {
  const { rows } = await tx.execute<StoredPurpose & Record<string, unknown>>(sql`
    SELECT purpose, title, legal_basis AS "legalBasis", assessment, assessment_reference AS "assessmentReference",
           data_categories AS "dataCategories", retention, updated_by AS "updatedBy", updated_at AS "updatedAt"
    FROM processing_purposes ORDER BY purpose`);
  return rows.map((row) => ({ ...row, updatedAt: new Date(row.updatedAt).toISOString() }));
}

/** Writers of the register take turns, so that each sees it whole. Until the transaction ends. */
export async function takeRegisterTurn(tx: Tx): Promise<void> {
  await tx.execute(
    sql`SELECT pg_advisory_xact_lock(hashtextextended('purposes:' || current_workspace(), 0))`,
  );
}

export async function storePurpose(tx: Tx, row: Omit<StoredPurpose, "updatedAt">): Promise<void> {
  await tx.execute(sql`
    INSERT INTO processing_purposes (workspace_id, purpose, title, legal_basis, assessment, assessment_reference,
                                     data_categories, retention, updated_by)
    VALUES (current_workspace(), ${row.purpose}, ${row.title}, ${row.legalBasis}, ${row.assessment},
            ${row.assessmentReference}, ${sql.param(row.dataCategories)}::text[], ${row.retention}, ${row.updatedBy})
    ON CONFLICT (workspace_id, purpose) DO UPDATE SET
      title = excluded.title, legal_basis = excluded.legal_basis, assessment = excluded.assessment,
      assessment_reference = excluded.assessment_reference, data_categories = excluded.data_categories,
      retention = excluded.retention, updated_by = excluded.updated_by, updated_at = now()`);
}

/** Whether prospects or their values are kept on this basis. */
export async function basisInUse(tx: Tx, basis: string): Promise<boolean> {
  const { rows } = await tx.execute<{ used: boolean }>(sql`
    SELECT EXISTS (SELECT 1 FROM prospects WHERE legal_basis = ${basis})
        OR EXISTS (SELECT 1 FROM field_values WHERE legal_basis = ${basis}) AS used`);
  return rows[0]?.used ?? false;
}
