import type { Client } from "pg";

type PgType = "text" | "uuid" | "smallint" | "bigint" | "boolean";
/** A Postgres type; with "?" where it may be null. */
type Column = PgType | `${PgType}?`;

type Value<C> = C extends `${infer T}?`
  ? Value<T> | null
  : C extends "text" | "uuid"
    ? string
    : C extends "boolean"
      ? boolean
      : number;

type Columns = Readonly<Record<string, Column>>;

/** A table as rows are written to it: many at once, a Postgres array per column. */
export interface Table<C = Columns, Name = string> {
  name: string;
  columns: C;
  key: readonly Name[];
  /** What happens to a row that is there already: these columns are set, where the condition holds. */
  update: readonly Name[];
  where?: string;
}

/** A row of a table, in memory. */
export type RowOf<T extends Table> = { -readonly [K in keyof T["columns"]]: Value<T["columns"][K]> };

function table<const C extends Columns>(declared: Table<C, keyof C & string>): Table<C> {
  return declared;
}

export const EVENT = table({
  name: "event",
  columns: { internalId: "text", eventId: "text", name: "text", tsMs: "bigint", body: "text" },
  key: ["internalId"],
  update: [],
});

export const RUN = table({
  name: "run",
  columns: {
    id: "text",
    fnId: "uuid",
    /** The internal id of the event that starts it, the first of a batch. */
    eventId: "text",
    keys: "text",
    queuedAtMs: "bigint",
    parentRunId: "text?",
    parentStepId: "text?",
  },
  key: ["id"],
  update: [],
});

export const STEP = table({
  name: "step",
  columns: {
    runId: "text",
    stepId: "text",
    /** Order of completion in its run, from 1; 0 while pending. */
    seq: "bigint",
    op: "text",
    name: "text",
    /** The JSON that calls carry for it; null while pending. */
    memo: "text?",
    /** JSON of what the step was given, and when its code began to run; null where nobody knows. */
    input: "text?",
    startedAtMs: "bigint?",
    atMs: "bigint",
  },
  key: ["runId", "stepId"],
  update: ["seq", "memo", "atMs"],
  where: "step.memo is null",
});

export const QUEUE_ITEM = table({
  name: "queue_item",
  columns: {
    /** The run; "" for cron ticks and events to be matched. */
    runId: "text",
    id: "text",
    fnId: "uuid",
    partition: "text",
    kind: "smallint",
    /** The step; the expression of a cron tick; the internal id of an event to be matched. */
    stepId: "text?",
    /** Failed attempts so far. */
    attempt: "smallint",
    dueAtMs: "bigint",
    /** Order within the partition, smallest first. */
    score: "bigint",
    delayed: "boolean",
  },
  key: ["runId", "id"],
  update: ["partition", "kind", "stepId", "attempt", "dueAtMs", "score", "delayed"],
});

export const WAIT = table({
  name: "wait",
  columns: {
    runId: "text",
    stepId: "text",
    kind: "smallint",
    name: "text",
    path: "text",
    matchKey: "text",
    expression: "text?",
    atMs: "bigint",
  },
  key: ["runId", "stepId"],
  update: [],
});

export const FAILED_ATTEMPT = table({
  name: "failed_attempt",
  columns: { runId: "text", stepId: "text", attempt: "smallint", error: "text", atMs: "bigint" },
  key: ["runId", "stepId", "attempt"],
  update: [],
});

export const GATE = table({
  name: "gate",
  /** `state` is JSON; from `expiresAtMs` on it is as good as forgotten. */
  columns: { key: "text", state: "text", expiresAtMs: "bigint" },
  key: ["key"],
  update: ["state", "expiresAtMs"],
});

export const RUN_EVENT = table({
  name: "run_event",
  columns: { runId: "text", position: "smallint", eventId: "text" },
  key: ["runId", "position"],
  update: ["eventId"],
});

/** The list of a table's columns in a `select`, each under the name that it has in memory. */
export function selectList({ name, columns }: Table): string {
  return Object.keys(columns)
    .map((column) => `${name}.${snakeCase(column)} as "${column}"`)
    .join(", ");
}

/**
 * Writes rows, all of different keys. Of a table whose rows are never updated it returns the keys (their first
 * columns) that were not there before.
 */
export async function putRows<T extends Table>(
  client: Client,
  into: T,
  rows: readonly RowOf<T>[],
): Promise<unknown[]> {
  if (rows.length === 0) return [];
  const columns = Object.keys(into.columns);
  const key = into.key.map(snakeCase);
  const set = into.update.map((column) => `${snakeCase(column)} = excluded.${snakeCase(column)}`);
  const written = await client.query({
    name: `put-${into.name}`,
    text: `insert into ${into.name} (${columns.map(snakeCase).join(", ")})
           select * from ${unnest(into, columns)} on conflict (${key.join(", ")})
           ${set.length === 0 ? `do nothing returning ${key[0]} as key` : `do update set ${set.join(", ")}`}
           ${into.where ? `where ${into.where}` : ""}`,
    values: arrays(into, columns, rows),
  });
  return written.rows.map((row) => row.key);
}

/** Deletes rows by their keys. */
export async function deleteRows<T extends Table>(
  client: Client,
  from: T,
  keys: readonly Partial<RowOf<T>>[],
): Promise<void> {
  if (keys.length === 0) return;
  const names = from.key.map(snakeCase);
  await client.query({
    name: `delete-${from.name}`,
    text: `delete from ${from.name} using ${unnest(from, from.key)} as gone (${names.join(", ")})
           where ${names.map((name) => `${from.name}.${name} = gone.${name}`).join(" and ")}`,
    values: arrays(from, from.key, keys),
  });
}

/** The key of a row as one text. */
export function keyOf<T extends Table>({ key }: T, row: Partial<RowOf<T>>): string {
  return key.map((column) => (row as Record<string, unknown>)[column]).join(" ");
}

function unnest(of: Table, columns: readonly string[]): string {
  return `unnest(${columns.map((column, index) => `$${index + 1}::${typeOf(of, column)}[]`).join(", ")})`;
}

function arrays(of: Table, columns: readonly string[], rows: readonly object[]): unknown[][] {
  return columns.map((column) => {
    const type = typeOf(of, column);
    return rows.map((row) => toPostgres(type, (row as Record<string, unknown>)[column]));
  });
}

function typeOf(of: Table, column: string): string | undefined {
  return of.columns[column]?.replace("?", "");
}

function toPostgres(type: string | undefined, value: unknown): unknown {
  if (type === "text" && typeof value === "string") return storableText(value);
  return type === "bigint" && typeof value === "number" ? Math.round(value) : value;
}

/** Text that Postgres can store: it has no NUL character. */
export function storableText(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\ufffd") : text;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
