/** Enriched prospects to merge, and how their rows stand. */
import { sql } from "drizzle-orm";
import { type Db, inWorkspace, type Tx } from "#db/client.ts";
import { mergeValues, scoreRecords } from "#src/platform/golden-records.ts";
import { type SeededJob, seedImportedJob } from "./seed.ts";

/** What one field has found of one prospect, `n` in the order of the import from 0 on. */
export interface SeededValue {
  n: number;
  field: string;
  value: Record<string, unknown>;
  confidencePct?: number;
}

export const NOW = new Date("2026-11-22T12:00:00Z");

/** `count` prospects with these values, merged and scored. Answers their ids in the order of the import. */
export async function seedEnriched(
  db: Db,
  count: number,
  values: readonly SeededValue[],
  options: { workspaceId: string },
): Promise<SeededJob & { ids: string[] }> {
  const job = await seedImportedJob(db, count, options);
  return inWorkspace(db, job.workspaceId, async (tx) => {
    const { rows } = await tx.execute<{ id: string }>(
      sql`SELECT id FROM prospects WHERE import_id = ${job.importId} ORDER BY line_number`,
    );
    const ids = rows.map(({ id }) => id);
    await addValues(tx, { ...job, ids }, values);
    await derive(tx, ids);
    return { ...job, ids };
  });
}

export async function derive(tx: Tx, ids: readonly string[]): Promise<void> {
  await mergeValues(tx, ids, NOW);
  await scoreRecords(tx, ids, NOW);
}

/** Adds values as another job would: the newest of a field counts. */
export async function addValues(
  tx: Tx,
  { workspaceId, ids }: { workspaceId: string; ids: readonly string[] },
  values: readonly SeededValue[],
): Promise<void> {
  for (const { n, field, value, confidencePct = 90 } of values) {
    await tx.execute(sql`
      WITH job AS (INSERT INTO jobs (workspace_id, kind) VALUES (${workspaceId}, 'enrich') RETURNING id)
      INSERT INTO field_values (workspace_id, prospect_id, job_id, field, status, value, source, confidence_pct,
                                observed_at, fresh_until)
      SELECT ${workspaceId}::uuid, ${ids[n]}::uuid, job.id, ${field}, 'found', ${JSON.stringify(value)}::jsonb, 'test',
             ${confidencePct}, clock_timestamp(), clock_timestamp() + interval '30 days' FROM job`);
  }
}

/** All rows of prospects and field values, to the byte. */
export const allRows = (db: Db, workspaceId: string): Promise<string[]> =>
  inWorkspace(db, workspaceId, async (tx) => {
    const { rows } = await tx.execute<{ row: string }>(sql`
      SELECT row_to_json(p)::text AS row FROM prospects p
      UNION ALL SELECT row_to_json(v)::text FROM field_values v ORDER BY 1`);
    return rows.map(({ row }) => row);
  });
