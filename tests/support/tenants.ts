/**
 * Two tenants that have something in every table, made from the catalogue: a new table takes part by itself, or fails
 * because no row fits it yet.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type pg from "pg";

export interface Column {
  name: string;
  type: string;
  notNull: boolean;
  /** The database fills it in by itself, or computes it. */
  filled: "default" | "generated" | null;
  /** What a CHECK lets it be, where that is a list. */
  choices: string[];
}

export interface ForeignKey {
  name: string;
  columns: string[];
  parent: string;
  parentColumns: string[];
}

export interface Table {
  name: string;
  columns: Column[];
  primaryKey: string[];
  foreignKeys: ForeignKey[];
}

export type Row = Record<string, unknown>;
/** One row of each table. */
export interface Tenant {
  workspaceId: string;
  /** Whatever is a number in its rows: other tenants have another one. */
  number: number;
  rows: Map<string, Row>;
}

/** All tables of ours, parents first. */
export async function readTables(owner: pg.Client): Promise<Table[]> {
  const { rows } = await owner.query<Table>(`
    SELECT c.relname AS name,
      (SELECT json_agg(json_build_object(
          'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
          'filled', CASE WHEN a.attgenerated <> '' THEN 'generated' WHEN a.atthasdef THEN 'default' END,
          'choices', coalesce((
            SELECT json_agg(choice[1])
            FROM pg_constraint k, regexp_matches(pg_get_constraintdef(k.oid), '''(\\w+)''::text', 'g') AS choice
            WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum]
              AND pg_get_constraintdef(k.oid) LIKE '%= ANY (ARRAY[%'), '[]'))
        ORDER BY a.attnum)
       FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
      coalesce((SELECT json_agg(attname) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                WHERE i.indrelid = c.oid AND i.indisprimary), '[]') AS "primaryKey",
      coalesce((SELECT json_agg(json_build_object(
          'name', f.conname, 'parent', f.confrelid::regclass::text,
          'columns', (SELECT json_agg(attname ORDER BY at) FROM unnest(f.conkey) WITH ORDINALITY AS k (attnum, at)
                      JOIN pg_attribute USING (attnum) WHERE attrelid = f.conrelid),
          'parentColumns', (SELECT json_agg(attname ORDER BY at) FROM unnest(f.confkey) WITH ORDINALITY AS k (attnum, at)
                            JOIN pg_attribute USING (attnum) WHERE attrelid = f.confrelid)) ORDER BY f.conname)
        FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f'), '[]') AS "foreignKeys"
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'schema_versions'
    ORDER BY c.relname`);
  return parentsFirst(rows);
}

function parentsFirst(tables: readonly Table[]): Table[] {
  const sorted: Table[] = [];
  let left = [...tables];
  while (left.length > 0) {
    const names = new Set(left.map(({ name }) => name));
    const isReady = ({ name, foreignKeys }: Table) =>
      foreignKeys.every(({ parent }) => parent === name || !names.has(parent));
    const ready = left.filter(isReady);
    if (ready.length === 0) throw new Error(`Foreign keys in a circle: ${[...names].join(", ")}`);
    sorted.push(...ready);
    left = left.filter((table) => !ready.includes(table));
  }
  return sorted;
}

const DOMAIN = {
  value: "ferma.example",
  source: "test",
  confidencePct: 90,
  observedAt: "2026-11-22T12:00:00Z",
  fieldValueId: null,
};

/** What no CHECK says of one column alone, and what has to be real for the app to answer with it. */
const PARTICULAR: Record<string, Row> = {
  audit_heads: { seq: 10 },
  credit_entries: { kind: "grant" },
  endpoint_deliveries: { status: "delivered" },
  erasures: { subject_sealed: "v1.none.none" },
  field_values: { status: "not_found" },
  merge_rows: { role: "merged", score_pct: 90, reasons: [] },
  processing_purposes: { purpose: "b2b_prospecting" },
  // The same business in every tenant: they are no duplicates of each other.
  prospects: { cui: 4_000_000, status: "enriched", match_name: "FERMA EXEMPLU", golden: { domain: DOMAIN } },
  provider_calls: { status: "unknown", ended_at: "2026-11-22T12:00:00Z" },
  provider_credentials: { provider: "hunter", sealed: "v1.none.none" },
  webhook_endpoints: { url: "https://receiver.example/" },
  webhook_sources: { provider: "resend" },
};

/** A workspace with one row in every table. Each text that is free to be anything holds the workspace's id. */
export async function makeTenant(
  owner: pg.Client,
  tables: readonly Table[],
  number: number,
): Promise<Tenant> {
  const workspaceId = randomUUID();
  const tenant: Tenant = { workspaceId, number, rows: new Map() };
  for (const table of tables) {
    const id = table.name === "workspaces" ? { id: workspaceId } : {};
    const row = { ...newRow(table, tenant), ...PARTICULAR[table.name], ...id };
    tenant.rows.set(table.name, row);
    await insert(owner, table.name, row);
    const { rows } = await owner.query<{ row: Row }>(
      `SELECT to_jsonb(t) AS row FROM ${table.name} t WHERE ${ofTenant(table, tenant)}`,
    );
    tenant.rows.set(table.name, rows[0]?.row ?? {});
  }
  return tenant;
}

function newRow(table: Table, tenant: Tenant): Row {
  const row: Row = {};
  for (const column of table.columns) {
    const isKey = table.primaryKey.includes(column.name);
    if (!isKey && (column.filled !== null || !column.notNull)) continue;
    row[column.name] = column.choices[0] ?? someValue(column, tenant);
  }
  for (const { parent, columns, parentColumns } of table.foreignKeys) {
    if (parent === table.name) continue;
    columns.forEach((column, at) => {
      row[column] = tenant.rows.get(parent)?.[parentColumns[at] as string];
    });
  }
  return row;
}

function someValue({ name, type }: Column, { workspaceId, number }: Tenant): unknown {
  const text = `${name}-${workspaceId}`;
  switch (type) {
    case "text":
      return text;
    case "text[]":
      return [text];
    case "uuid":
      return randomUUID();
    case "uuid[]":
      return [randomUUID()];
    case "jsonb":
      return { note: text };
    case "bytea":
      return `\\x${randomBytes(32).toString("hex")}`;
    case "boolean":
      return true;
    case "date":
      return "2026-11-22";
    case "timestamp with time zone":
      return "2030-11-22T12:00:00Z";
    case "smallint":
    case "integer":
    case "bigint":
    case "real":
      return number;
    default:
      throw new Error(`Which value has ${name}, of type ${type}?`);
  }
}

/** Inserts a row as it is as JSON. */
export function insert(client: pg.Client, table: string, row: Row): Promise<{ rowCount: number | null }> {
  const columns = Object.keys(row).map((column) => `"${column}"`);
  return client.query(
    `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM jsonb_populate_record(NULL::${table}, $1)`,
    [JSON.stringify(row)],
  );
}

/** Every row of a tenant, to the byte, by table. */
export async function rowsOf(
  owner: pg.Client,
  tables: readonly Table[],
  tenant: Tenant,
): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {};
  for (const table of tables) {
    const found = await owner.query<{ row: string }>(
      `SELECT to_jsonb(t)::text AS row FROM ${table.name} t WHERE ${ofTenant(table, tenant)} ORDER BY 1`,
    );
    all[table.name] = found.rows.map(({ row }) => row);
  }
  return all;
}

/** A condition: the rows of a tenant; in a table without a workspace, the one that it was given. */
export function ofTenant({ name, columns, primaryKey }: Table, { workspaceId, rows }: Tenant): string {
  if (columns.some((column) => column.name === "workspace_id")) return `workspace_id = '${workspaceId}'`;
  return primaryKey.map((column) => `${column} = '${rows.get(name)?.[column]}'`).join(" AND ");
}

/** The ids of a tenant, by table. */
export const idsOf = ({ rows }: Tenant): Map<string, string> =>
  new Map([...rows].flatMap(([table, { id }]) => (typeof id === "string" ? [[table, id] as const] : [])));

/** What in a text tells that it is a tenant's: its workspace's id, which all its free texts hold, and all other ids. */
export const marksOf = ({ rows }: Tenant): string[] => [
  ...new Set([...rows.values()].flatMap((row) => Object.values(row).filter(isUuid))),
];
const isUuid = (value: unknown): value is string =>
  typeof value === "string" && /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(value);
