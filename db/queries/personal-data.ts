/**
 * Where personal data may lie: every column of text, JSON or bytes that the app may change, as Postgres' own catalogue
 * lists them. So a table that is added later is searched, exported and cleaned without anybody thinking of it.
 */
import { type SQL, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";

/** Patterns of domain/privacy/traces.ts. */
export interface Search {
  pattern: string;
  /** Tax ids as JSON numbers; null: none is looked for. */
  numbers: string | null;
}

export interface SearchedTable {
  table: string;
  columns: { name: string; type: "text" | "jsonb" | "bytea" | "array"; nullable: boolean }[];
}

/** Of the tables with a workspace, the columns that text can be in and that the app may change. */
export async function changeableColumns(tx: Tx): Promise<SearchedTable[]> {
  const { rows } = await tx.execute<SearchedTable & Record<string, unknown>>(sql`
    SELECT c.relname AS "table", jsonb_agg(jsonb_build_object('name', a.attname, 'nullable', NOT a.attnotnull,
      'type', CASE a.atttypid WHEN 'jsonb'::regtype THEN 'jsonb' WHEN 'bytea'::regtype THEN 'bytea'
        WHEN 'text[]'::regtype THEN 'array' ELSE 'text' END) ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE n.nspname = current_schema() AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attgenerated = '' AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype, 'bytea'::regtype, 'text[]'::regtype)
      AND EXISTS (SELECT FROM pg_attribute w WHERE w.attrelid = c.oid AND w.attname = 'workspace_id')
      AND has_column_privilege(c.oid, a.attnum, 'UPDATE')
    GROUP BY c.relname ORDER BY c.relname`);
  return rows;
}

/** What is searched of a column. Bytes as far as they are readable text. */
const textOf = ({ name, type }: SearchedTable["columns"][number]): SQL =>
  type === "bytea" ? sql`encode(${sql.identifier(name)}, 'escape')` : sql`${sql.identifier(name)}::text`;

const holds = (columns: SearchedTable["columns"], { pattern }: Search): SQL =>
  sql`(${sql.join(
    columns.map((column) => sql`${textOf(column)} ~* ${pattern}`),
    sql` OR `,
  )})`;

/** Rows of this workspace in which the person is found, as JSON. */
export async function rowsWith(
  tx: Tx,
  { table, columns }: SearchedTable,
  search: Search,
  limit: number,
): Promise<Record<string, unknown>[]> {
  const { rows } = await tx.execute<{ row: Record<string, unknown> }>(sql`
    SELECT to_jsonb(t) AS row FROM ${sql.identifier(table)} t
    WHERE workspace_id = current_workspace() AND ${holds(columns, search)} LIMIT ${limit}`);
  return rows.map(({ row }) => row);
}

export async function countWith(tx: Tx, { table, columns }: SearchedTable, search: Search): Promise<number> {
  const { rows } = await tx.execute<{ count: number }>(sql`
    SELECT count(*) AS count FROM ${sql.identifier(table)}
    WHERE workspace_id = current_workspace() AND ${holds(columns, search)}`);
  return rows[0]?.count ?? 0;
}

/** Deletes them as they are. Returns how many. */
export async function deleteWith(tx: Tx, { table, columns }: SearchedTable, search: Search): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    DELETE FROM ${sql.identifier(table)} WHERE workspace_id = current_workspace() AND ${holds(columns, search)}`);
  return rowCount ?? 0;
}

/** What stands where the person stood. */
const ERASED = "[erased]";

/** Replaces what is found in them and leaves the rest; bytes, which nobody can replace parts of, go. */
export async function scrubWith(tx: Tx, { table, columns }: SearchedTable, search: Search): Promise<number> {
  const sets = columns.map((column) => sql`${sql.identifier(column.name)} = ${scrubbed(column, search)}`);
  const { rowCount } = await tx.execute(sql`
    UPDATE ${sql.identifier(table)} SET ${sql.join(sets, sql`, `)}
    WHERE workspace_id = current_workspace() AND ${holds(columns, search)}`);
  return rowCount ?? 0;
}

function scrubbed(column: SearchedTable["columns"][number], { pattern, numbers }: Search): SQL {
  const name = sql.identifier(column.name);
  const replaced = (text: SQL) => sql`regexp_replace(${text}, ${pattern}, ${ERASED}, 'gi')`;
  switch (column.type) {
    case "text":
      return replaced(sql`${name}`);
    case "jsonb": {
      const text = numbers
        ? sql`regexp_replace(${name}::text, ${numbers}, '\\1null', 'g')`
        : sql`${name}::text`;
      return sql`${replaced(text)}::jsonb`;
    }
    case "array":
      return sql`ARRAY(SELECT ${replaced(sql`item`)} FROM unnest(${name}) AS item)`;
    case "bytea":
      return sql`CASE WHEN ${textOf(column)} ~* ${pattern} THEN ${column.nullable ? sql`NULL` : sql`''::bytea`} ELSE ${name} END`;
  }
}

export interface Person {
  id: string;
  cui: number;
  name: string;
  county: string | null;
  locality: string | null;
  emails: string[];
  phones: string[];
}

/** Sole traders among these prospects, with how they are reached; they are locked. */
export async function soleTraders(tx: Tx, ids: readonly string[]): Promise<Person[]> {
  const { rows } = await tx.execute<Person & Record<string, unknown>>(sql`
    SELECT id, cui, name, county, locality, array_remove(ARRAY[match_email], NULL) AS emails,
           array_remove(ARRAY[match_phone], NULL) AS phones
    FROM prospects WHERE id = ANY(${sql.param([...ids])}::uuid[]) AND is_natural_person ORDER BY id FOR UPDATE`);
  return rows;
}

/** Rows of other registers that may be about a person: by tax id, or by the block of the name in the county. */
export async function referenceRowsOf(
  tx: Tx,
  { cui, block, county }: { cui: number; block: string; county: string | null },
): Promise<
  { setId: string; line: number; cui: number | null; name: string | null; locality: string | null }[]
> {
  const { rows } = await tx.execute<{
    setId: string;
    line: number;
    cui: number | null;
    name: string | null;
    locality: string | null;
  }>(sql`
    SELECT set_id AS "setId", line_number AS line, cui, name, locality FROM reference_rows
    WHERE workspace_id = current_workspace()
      AND (cui = ${cui} OR (block_key = ${block} AND county IS NOT DISTINCT FROM ${county}))`);
  return rows;
}

export async function deleteReferenceRows(
  tx: Tx,
  rows: readonly { setId: string; line: number }[],
): Promise<void> {
  await tx.execute(sql`
    DELETE FROM reference_rows USING jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS r ("setId" uuid, line bigint)
    WHERE set_id = r."setId" AND line_number = r.line`);
}

/** Values no longer say which answer they were made of, where that answer is about the person. */
export async function freeSnapshots(tx: Tx, { pattern }: Search): Promise<void> {
  await tx.execute(sql`
    UPDATE field_values SET snapshot_id = NULL FROM snapshots s
    WHERE snapshot_id = s.id AND s.workspace_id = current_workspace()
      AND (s.subject ~* ${pattern} OR s.body::text ~* ${pattern})`);
}

/** Prospects whose values, approvals or golden record hold the person. */
export async function prospectsWith(tx: Tx, { pattern }: Search): Promise<string[]> {
  const { rows } = await tx.execute<{ id: string }>(sql`
    SELECT id FROM prospects WHERE workspace_id = current_workspace() AND (golden::text ~* ${pattern}
      OR id IN (SELECT prospect_id FROM field_values WHERE workspace_id = current_workspace() AND value::text ~* ${pattern})
      OR id IN (SELECT prospect_id FROM approvals WHERE workspace_id = current_workspace() AND value::text ~* ${pattern}))
    ORDER BY id FOR UPDATE`);
  return rows.map(({ id }) => id);
}

/** Answers of requests, which nobody can search: they are sealed. All go: a repeat is answered as one that is done. */
export async function dropStoredAnswers(tx: Tx): Promise<number> {
  const { rowCount } = await tx.execute(sql`
    UPDATE idempotency_keys SET answer = NULL WHERE workspace_id = current_workspace() AND answer IS NOT NULL`);
  return rowCount ?? 0;
}
