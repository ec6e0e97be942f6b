/** Which statements Postgres spends its time on (pg_stat_statements, which comes with it). */
import { setTimeout as sleep } from "node:timers/promises";
import Table from "cli-table3";
import pg from "pg";
import type { Stack } from "#infra/stack/stack.ts";

const SHOWN = 25;
const SHOWN_CHARACTERS = 160;

/** Turns the counting on, for which Postgres starts again; app and engine, where there are any, connect anew. */
export async function countStatements(stack: Stack): Promise<void> {
  const { url } = stack.part("postgres");
  await withClient(url, (client) =>
    client.query("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'"),
  );
  await withClient(url, (client) => client.query("ALTER SYSTEM SET pg_stat_statements.track_planning = on"));
  await stack.restart("postgres");
  await withClient(url, (client) => client.query("CREATE EXTENSION pg_stat_statements"));
  if (!stack.env.APP_URL) return;
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(200)) {
    const ready = await fetch(`${stack.env.APP_URL}/readyz`).catch(() => null);
    if (ready?.ok) return;
  }
  throw new Error("The app is not ready again 30 s after Postgres was.");
}

/** The most expensive statements so far, as a table. */
export async function topStatements(stack: Stack): Promise<string> {
  const { url } = stack.part("postgres");
  const { rows: totals } = await withClient(url, (client) =>
    client.query(
      "SELECT sum(calls)::int AS calls, sum(total_plan_time)::int AS planned FROM pg_stat_statements",
    ),
  );
  const { rows } = await withClient(url, (client) =>
    client.query<{ ms: number; plan: number; calls: number; mean: number; rows: number; query: string }>(
      `SELECT total_exec_time::float AS ms, total_plan_time::float AS plan, calls::int, mean_exec_time::float AS mean, rows::int,
              regexp_replace(query, '\\s+', ' ', 'g') AS query
       FROM pg_stat_statements ORDER BY total_exec_time + total_plan_time DESC LIMIT ${SHOWN}`,
    ),
  );
  const table = new Table({
    head: ["ms in all", "ms planned", "calls", "ms each", "rows", "statement"],
    style: { head: [], border: [] },
  });
  for (const { ms, plan, calls, mean, rows: count, query } of rows) {
    table.push([
      Math.round(ms),
      Math.round(plan),
      calls,
      mean.toFixed(2),
      count,
      query.trim().slice(0, SHOWN_CHARACTERS),
    ]);
  }
  return `${table.toString()}\n${totals[0].calls} statements in all, ${totals[0].planned} ms of planning`;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
