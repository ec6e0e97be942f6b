import { sql } from "drizzle-orm";
import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { type Db, inWorkspace } from "#db/client.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";

export interface SeededJob {
  workspaceId: string;
  jobId: string;
  importId: string;
}

/** Makes another workspace, as the owner of the database. */
export async function seedWorkspace(ownerUrl: string): Promise<string> {
  const workspaceId = uuidv7();
  const owner = new pg.Client({ connectionString: ownerUrl });
  await owner.connect();
  try {
    await owner.query("INSERT INTO workspaces (id, slug, name) VALUES ($1, $2, 'Test')", [
      workspaceId,
      workspaceId,
    ]);
  } finally {
    await owner.end();
  }
  return workspaceId;
}

/** A job whose import has brought `count` prospects with tax ids from `firstCui` on, not cut into chunks yet. */
export async function seedImportedJob(
  db: Db,
  count: number,
  { workspaceId = DEFAULT_WORKSPACE_ID, firstCui = 1_000_000 } = {},
): Promise<SeededJob> {
  const jobId = uuidv7();
  const importId = uuidv7();
  await inWorkspace(db, workspaceId, async (tx) => {
    await tx.execute(
      sql`INSERT INTO jobs (id, workspace_id, kind, status) VALUES (${jobId}, ${workspaceId}, 'import', 'importing')`,
    );
    await tx.execute(sql`
      INSERT INTO imports (id, workspace_id, job_id, file_name, format, delimiter, file_path, size_bytes, sha256, rows, imported)
      VALUES (${importId}, ${workspaceId}, ${jobId}, 'test.csv', 'csv', ',', '/nowhere', 0, '', ${count}, ${count})`);
    await tx.execute(sql`
      INSERT INTO prospects (workspace_id, import_id, line_number, cui, name, county, registration_number, legal_form,
                             registered_on, locality, address, postal_code)
      SELECT ${workspaceId}::uuid, ${importId}::uuid, n, ${firstCui} + n, 'Ferma ' || n, 'Ialomița', 'J21/' || n || '/2009',
             'SRL', '2009-03-12', 'Exemplu', 'Str. Fermei ' || n, '927000'
      FROM generate_series(1, ${count}::int) AS n`);
  });
  return { workspaceId, jobId, importId };
}
