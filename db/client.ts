/** Connections to Postgres, and the one way to work in a workspace. */
import { sql } from "drizzle-orm";
import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import pg from "pg";

/** A pool of connections that act as the role `cerniq_app`: row-level security holds for every query. */
export type Db = NodePgDatabase & { $client: pg.Pool };

/** A transaction that {@link inWorkspace} or {@link inSystem} has opened. */
export type Tx = Parameters<Parameters<Db["transaction"]>[0]>[0];

/** Answers are JSON numbers: counts stay far below 2^53, and money is checked to. */
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * Opens a pool. Whatever login the URL names, each connection becomes `cerniq_app` first, so that even an
 * owner's URL works under row-level security.
 * @param max connections at most
 */
export function createDb(url: string, { max = 10 }: { max?: number } = {}): Db {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    options: "-c role=cerniq_app",
    application_name: "cerniq",
    connectionTimeoutMillis: 10_000,
  });
  // An idle connection that Postgres drops (a restart) is not an error of anybody's: the next query reconnects.
  pool.on("error", () => {});
  // Nor is one that it drops between two queries of a transaction: the next query fails, and its caller hears of it.
  // Without a listener the event would end the process.
  pool.on("connect", (client) => client.on("error", () => {}));
  return drizzle({ client: pool }) as Db;
}

/** Runs `work` in one transaction that sees and writes this workspace's rows only. */
export function inWorkspace<T>(db: Db, workspaceId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  // It stands in the statement itself, so it must be an id and nothing else.
  if (!/^[0-9a-f-]{36}$/i.test(workspaceId)) throw new TypeError("The workspace's id is no UUID.");
  return inTransaction(db, `BEGIN; SET LOCAL app.workspace_id = '${workspaceId}'`, work);
}

/** Runs `work` in one transaction as `cerniq_system`: across workspaces, on the outbox and deadlines only. */
export function inSystem<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  return inTransaction(db, "BEGIN; SET LOCAL ROLE cerniq_system", work);
}

/** Runs `work` in one transaction as `cerniq_access`: users, sessions and keys of all workspaces, and nothing else. */
export function inAccess<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  return inTransaction(db, "BEGIN; SET LOCAL ROLE cerniq_access", work);
}

/** Runs `work` in one transaction as `cerniq_retention`: the ids of workspaces, and old entries of the audit trail. */
export function inRetention<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  return inTransaction(db, "BEGIN; SET LOCAL ROLE cerniq_retention", work);
}

/** Goes on in a workspace, as {@link inWorkspace} would: for a transaction that had to find out first which one. */
export async function enterWorkspace(tx: Tx, workspaceId: string): Promise<void> {
  await tx.execute(sql`
    SELECT set_config('role', 'cerniq_app', true), set_config('app.workspace_id', ${workspaceId}, true)`);
}

/** `opening` begins the transaction and says whose it is, in one round trip: there are a dozen of them for each prospect. */
async function inTransaction<T>(db: Db, opening: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await db.$client.connect();
  try {
    await client.query(opening);
    const result = await work(drizzle({ client }) as unknown as Tx);
    await client.query("COMMIT");
    client.release();
    return result;
  } catch (error) {
    // A connection that cannot even take back what it began is of no more use.
    await client.query("ROLLBACK").then(
      () => client.release(),
      (cause: Error) => client.release(cause),
    );
    throw error;
  }
}
