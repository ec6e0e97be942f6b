import type { SQL } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import type { QueryResult, QueryResultRow } from "pg";
import type { Tx } from "#db/client.ts";

const dialect = new PgDialect();
const names = new Map<string, string>();

/**
 * Runs a statement that each connection parses and plans once, and not every time: half of what a small statement costs.
 * For those that run many times a second, have always the same text (values are parameters, lists are arrays), and find
 * their rows by a key: a plan that is kept learns that a table has grown only from the next ANALYZE.
 */
export function executePrepared<Row extends QueryResultRow>(
  tx: Tx,
  statement: SQL,
): Promise<QueryResult<Row>> {
  const query = dialect.sqlToQuery(statement);
  let name = names.get(query.sql);
  if (name === undefined) {
    name = `statement-${names.size + 1}`;
    names.set(query.sql, name);
  }
  return tx._.session.prepareQuery(query, undefined, name, false).execute() as Promise<QueryResult<Row>>;
}
