import { StackError } from "./errors.ts";
import { projectRoot, startNodePart } from "./node-part.ts";
import { describeExit, type Launch, type PartProcess, quote } from "./process.ts";

/** Starts one replica of the app; it is ready when it has synced itself with the engine. */
export function startApp(options: {
  name: string;
  port: number;
  env: Record<string, string>;
  /** Start again whenever a source file changes. */
  watch: boolean;
  launch: Launch;
}): Promise<{ process: PartProcess; url: string }> {
  return startNodePart({
    name: options.name,
    script: "src/server.ts",
    nodeArgs: options.watch ? ["--watch", "--watch-preserve-output"] : [],
    // Small on purpose: the Inngest SDK copies the whole environment at every call.
    env: { ...options.env, PORT: String(options.port) },
    url: `http://127.0.0.1:${options.port}`,
    readyPath: "/readyz",
    launch: options.launch,
  });
}

/** Brings the database to the newest migration. */
export async function runMigrations(databaseUrl: string, launch: Launch): Promise<void> {
  const migration = await launch({
    name: "migrate",
    command: process.execPath,
    args: ["db/migrate.ts", "up"],
    env: { DATABASE_URL: databaseUrl },
    cwd: projectRoot,
  });
  const exit = await migration.exited;
  if (exit.code !== 0) throw new StackError(`The migrations ${describeExit(exit)}.${quote(migration)}`);
}
