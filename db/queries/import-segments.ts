/**
 * Bulk loading of an import, on one connection of its own: temporary tables, an advisory lock and the workspace
 * belong to its session and end with it. Raw SQL, because COPY and set-based inserts are what makes it fast.
 */
import { pipeline } from "node:stream/promises";
import type pg from "pg";
import { from as copyFrom } from "pg-copy-streams";

/** What a segment did to the prospects. */
export interface MergedSegment {
  inserted: number;
  /** Rows that the CAEN filter left out; they are written down as rejects. */
  outside: number;
}

/** Absolute figures after a segment. */
export interface ImportProgress {
  rows: number;
  imported: number;
  duplicates: number;
  rejected: number;
  rejectedBy: Record<string, number>;
  offset: number;
  line: number;
}

export interface SegmentScope {
  workspaceId: string;
  importId: string;
  hasStates: boolean;
  hasActivities: boolean;
  /** CAEN prefixes that an activity of the company must match; null: all. */
  caen: readonly string[] | null;
}

/** Makes the session one of this workspace. A segment is staged and sorted in memory. */
export async function openLoadingSession(client: pg.ClientBase, workspaceId: string): Promise<void> {
  await client.query("SET temp_buffers = '64MB'");
  await client.query("SET work_mem = '64MB'");
  await client.query("SET jit = off");
  // A crash of Postgres may take the newest segments with it, whole and with their figures: they are loaded again.
  await client.query("SET synchronous_commit = off");
  await client.query("SELECT set_config('app.workspace_id', $1, false)", [workspaceId]);
}

/** Whether this session now is the only one that loads the import. The lock ends with the session. */
export async function tryLockImport(client: pg.ClientBase, importId: string): Promise<boolean> {
  const result = await client.query<{ locked: boolean }>(
    "SELECT pg_try_advisory_lock(hashtextextended('import:' || $1, 0)) AS locked",
    [importId],
  );
  return result.rows[0]?.locked === true;
}

/** @param columns name and type of each, in the order of the COPY data */
export async function createStaging(
  client: pg.ClientBase,
  columns: Readonly<Record<string, string>>,
): Promise<void> {
  const list = Object.entries(columns).map(([name, type]) => `${name} ${type}`);
  await client.query(`CREATE TEMP TABLE staged_rows (${list.join(", ")}) ON COMMIT DELETE ROWS`);
  await client.query(
    "CREATE TEMP TABLE staged_rejects (line_number bigint, reason text, field text) ON COMMIT DELETE ROWS",
  );
}

/** Loads the states of companies: lines of registration number and code, tab between. */
export async function loadStates(client: pg.ClientBase, rows: AsyncIterable<Buffer>): Promise<void> {
  await client.query("CREATE TEMP TABLE company_states (registration_number text, code text)");
  await pipeline(rows, client.query(copyFrom("COPY company_states FROM STDIN")));
  // Once for all companies: for each row of a segment anew it would double the time of the whole import.
  await client.query(`CREATE TEMP TABLE states_of AS
    SELECT registration_number, string_agg(DISTINCT code, ',' ORDER BY code) AS codes FROM company_states GROUP BY 1`);
  await client.query("CREATE UNIQUE INDEX ON states_of (registration_number)");
  await client.query("DROP TABLE company_states");
}

/** Loads the authorised activities: lines of registration number and the activity as JSON, a tab between. */
export async function loadActivities(client: pg.ClientBase, rows: AsyncIterable<Buffer>): Promise<void> {
  await client.query("CREATE TEMP TABLE company_activities (registration_number text, activity text)");
  await pipeline(rows, client.query(copyFrom("COPY company_activities FROM STDIN")));
  // As text until the end: building JSON from its parts takes several times as long.
  await client.query(`CREATE TEMP TABLE activities_of AS
    SELECT registration_number, ('[' || string_agg(DISTINCT activity, ',' ORDER BY activity) || ']')::jsonb AS activities
      FROM company_activities GROUP BY 1`);
  await client.query("CREATE UNIQUE INDEX ON activities_of (registration_number)");
  await client.query("DROP TABLE company_activities");
}

/** Opens the segment's transaction and fills the staging table. */
export async function beginSegment(client: pg.ClientBase, staged: readonly Buffer[]): Promise<void> {
  await client.query("BEGIN");
  if (staged.length > 0) await copy(client, "COPY staged_rows FROM STDIN", staged);
}

/** Writes down the rejects that the parser found: lines of line number, reason and field, tabs between. */
export async function storeRejects(
  client: pg.ClientBase,
  scope: SegmentScope,
  rejects: readonly Buffer[],
): Promise<void> {
  if (rejects.length === 0) return;
  // By way of a temporary table: Postgres refuses COPY into a table with row-level security.
  await copy(client, "COPY staged_rejects FROM STDIN", rejects);
  await client.query(
    `INSERT INTO rejected_rows (workspace_id, import_id, line_number, reason, field)
     SELECT $1, $2, line_number, reason, field FROM staged_rejects`,
    [scope.workspaceId, scope.importId],
  );
}

/**
 * Staged rows become prospects; the first row of a tax id wins, in this file and against what was there before,
 * whose rows stay as they are.
 */
export async function mergeSegment(client: pg.ClientBase, scope: SegmentScope): Promise<MergedSegment> {
  const outside = scope.caen === null ? 0 : await rejectOutside(client, scope, scope.caen);
  const inserted = await client.query(mergeSql(scope), [scope.workspaceId, scope.importId]);
  return { inserted: inserted.rowCount ?? 0, outside };
}

/**
 * Writes the figures and the place to go on from, in the segment's own transaction.
 * @returns false when the import does not stand at `from` any more: somebody else has moved it
 */
export async function recordProgress(
  client: pg.ClientBase,
  {
    workspaceId,
    importId,
    from,
    progress,
  }: { workspaceId: string; importId: string; from: number; progress: ImportProgress },
): Promise<boolean> {
  const result = await client.query(
    `UPDATE imports SET rows = $4, imported = $5, duplicates = $6, rejected = $7, rejected_by = $8,
            resume_offset_bytes = $9, resume_line = $10
      WHERE id = $1 AND workspace_id = $2 AND resume_offset_bytes = $3 AND status = 'loading'`,
    [
      ...[
        importId,
        workspaceId,
        from,
        progress.rows,
        progress.imported,
        progress.duplicates,
        progress.rejected,
      ],
      ...[JSON.stringify(progress.rejectedBy), progress.offset, progress.line],
    ],
  );
  return result.rowCount === 1;
}

export async function commitSegment(client: pg.ClientBase): Promise<void> {
  await client.query("COMMIT");
}

async function copy(client: pg.ClientBase, statement: string, data: readonly Buffer[]): Promise<void> {
  const stream = client.query(copyFrom(statement));
  await new Promise<void>((resolve, reject) => {
    stream.on("error", reject);
    stream.on("finish", resolve);
    for (const piece of data) stream.write(piece);
    stream.end();
  });
}

const COLUMNS = [
  ...["line_number", "cui", "name", "registration_number", "euid", "legal_form", "is_natural_person"],
  ...["registered_on", "county", "locality", "address", "postal_code", "website"],
];

function mergeSql({ hasStates, hasActivities }: SegmentScope): string {
  const staged = COLUMNS.map((column) => `staged.${column}`).join(", ");
  const known = "registration_number = staged.registration_number";
  const state = hasStates
    ? `coalesce((SELECT codes FROM states_of WHERE states_of.${known}), staged.registry_state_code)`
    : "staged.registry_state_code";
  const activities = hasActivities
    ? `coalesce((SELECT activities FROM activities_of WHERE activities_of.${known}), staged.activities)`
    : "staged.activities";
  // By tax id, because neighbours go to the same index pages: that makes up a third of the time. By line within
  // it, because the first row of a tax id is the one that stays.
  return `INSERT INTO prospects (workspace_id, import_id, ${COLUMNS.join(", ")}, registry_state_code, activities)
    SELECT $1, $2, ${staged}, ${state}, ${activities} FROM staged_rows staged
    ORDER BY staged.cui, staged.line_number
    ON CONFLICT (workspace_id, cui) DO NOTHING`;
}

async function rejectOutside(
  client: pg.ClientBase,
  scope: SegmentScope,
  caen: readonly string[],
): Promise<number> {
  // Prefixes are digits, and this is how Postgres writes the key.
  const wanted = caen.map((prefix) => `%"code": "${prefix}%`);
  const result = await client.query(
    `WITH outside AS (
       DELETE FROM staged_rows staged WHERE NOT EXISTS (
         SELECT FROM activities_of
          WHERE activities_of.registration_number = staged.registration_number AND activities::text LIKE ANY ($3))
       RETURNING line_number)
     INSERT INTO rejected_rows (workspace_id, import_id, line_number, reason, field)
     SELECT $1, $2, line_number, 'outside_filter', 'caen' FROM outside`,
    [scope.workspaceId, scope.importId, wanted],
  );
  return result.rowCount ?? 0;
}
