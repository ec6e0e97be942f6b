import type { Client } from "pg";
import type {
  EventRow,
  FailedAttemptRow,
  GateRow,
  QueueItem,
  RunEventRow,
  RunRow,
  StepRow,
  WaitRow,
} from "./rows.ts";

type PgType = "text" | "uuid" | "smallint" | "bigint" | "boolean";

/** A table as rows are written to it: many at once, a Postgres array per column. */
export interface Table<Row> {
  name: string;
  key: readonly (keyof Row & string)[];
  columns: Readonly<Partial<Record<keyof Row & string, PgType>>>;
  /** What happens to a row that is there already: these columns are set, where the condition holds. */
  update: readonly (keyof Row & string)[];
  where?: string;
}

export const EVENT: Table<EventRow> = {
  name: "event",
  key: ["internalId"],
  columns: { internalId: "text", eventId: "text", name: "text", tsMs: "bigint", body: "text" },
  update: [],
};

export const RUN: Table<RunRow> = {
  name: "run",
  key: ["id"],
  columns: {
    id: "text",
    fnId: "uuid",
    eventId: "text",
    keys: "text",
    queuedAtMs: "bigint",
    parentRunId: "text",
    parentStepId: "text",
  },
  update: [],
};

export const STEP: Table<StepRow & { atMs: number }> = {
  name: "step",
  key: ["runId", "stepId"],
  columns: {
    runId: "text",
    stepId: "text",
    seq: "bigint",
    op: "text",
    name: "text",
    memo: "text",
    input: "text",
    startedAtMs: "bigint",
    atMs: "bigint",
  },
  update: ["seq", "memo", "atMs"],
  where: "step.memo is null",
};

export const QUEUE_ITEM: Table<QueueItem & { delayed: boolean }> = {
  name: "queue_item",
  key: ["runId", "id"],
  columns: {
    runId: "text",
    id: "text",
    fnId: "uuid",
    partition: "text",
    kind: "smallint",
    stepId: "text",
    attempt: "smallint",
    dueAtMs: "bigint",
    score: "bigint",
    delayed: "boolean",
  },
  update: ["partition", "kind", "stepId", "attempt", "dueAtMs", "score", "delayed"],
};

export const WAIT: Table<WaitRow> = {
  name: "wait",
  key: ["runId", "stepId"],
  columns: {
    runId: "text",
    stepId: "text",
    kind: "smallint",
    name: "text",
    path: "text",
    matchKey: "text",
    expression: "text",
    atMs: "bigint",
  },
  update: [],
};

export const FAILED_ATTEMPT: Table<FailedAttemptRow> = {
  name: "failed_attempt",
  key: ["runId", "stepId", "attempt"],
  columns: { runId: "text", stepId: "text", attempt: "smallint", error: "text", atMs: "bigint" },
  update: [],
};

export const GATE: Table<GateRow> = {
  name: "gate",
  key: ["key"],
  columns: { key: "text", state: "text", expiresAtMs: "bigint" },
  update: ["state", "expiresAtMs"],
};

export const RUN_EVENT: Table<RunEventRow> = {
  name: "run_event",
  key: ["runId", "position"],
  columns: { runId: "text", position: "smallint", eventId: "text" },
  update: ["eventId"],
};

/** The list of a table's columns in a `select`, each under the name that it has in memory. */
export function selectList<Row>(table: Table<Row>): string {
  return Object.keys(table.columns)
    .map((column) => `${table.name}.${snakeCase(column)} as "${column}"`)
    .join(", ");
}

/**
 * Writes rows, all of different keys. Of a table whose rows are never updated it returns the keys (their first
 * columns) that were not there before.
 */
export async function putRows<Row>(
  client: Client,
  table: Table<Row>,
  rows: readonly Row[],
): Promise<unknown[]> {
  if (rows.length === 0) return [];
  const columns = Object.keys(table.columns) as (keyof Row & string)[];
  const key = table.key.map(snakeCase);
  const set = table.update.map((column) => `${snakeCase(column)} = excluded.${snakeCase(column)}`);
  const written = await client.query({
    name: `put-${table.name}`,
    text: `insert into ${table.name} (${columns.map(snakeCase).join(", ")})
           select * from ${unnest(table, columns)} on conflict (${key.join(", ")})
           ${set.length === 0 ? `do nothing returning ${key[0]} as key` : `do update set ${set.join(", ")}`}
           ${table.where ? `where ${table.where}` : ""}`,
    values: arrays(table, columns, rows),
  });
  return written.rows.map((row) => row.key);
}

/** Deletes rows by their keys. */
export async function deleteRows<Row>(
  client: Client,
  table: Table<Row>,
  keys: readonly Partial<Row>[],
): Promise<void> {
  if (keys.length === 0) return;
  const names = table.key.map(snakeCase);
  await client.query({
    name: `delete-${table.name}`,
    text: `delete from ${table.name} using ${unnest(table, table.key)} as gone (${names.join(", ")})
           where ${names.map((name) => `${table.name}.${name} = gone.${name}`).join(" and ")}`,
    values: arrays(table, table.key, keys),
  });
}

/** The key of a row as one text. */
export function keyOf<Row>(table: Table<Row>, row: Partial<Row>): string {
  return table.key.map((column) => row[column]).join(" ");
}

function unnest<Row>(table: Table<Row>, columns: readonly (keyof Row & string)[]): string {
  return `unnest(${columns.map((column, index) => `$${index + 1}::${table.columns[column]}[]`).join(", ")})`;
}

function arrays<Row>(
  table: Table<Row>,
  columns: readonly (keyof Row & string)[],
  rows: readonly Partial<Row>[],
): unknown[][] {
  return columns.map((column) => rows.map((row) => toPostgres(table.columns[column], row[column])));
}

function toPostgres(type: PgType | undefined, value: unknown): unknown {
  if (type === "text" && typeof value === "string") return storableText(value);
  return type === "bigint" && typeof value === "number" ? Math.round(value) : (value ?? null);
}

/** Text that Postgres can store: it has no NUL character. */
export function storableText(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\ufffd") : text;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
