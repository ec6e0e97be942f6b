import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chownSync,
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { StackError } from "./errors.ts";
import { identify, isRunning } from "./identity.ts";
import { ids } from "./os-user.ts";
import { type PostgresPlace, placePostgres } from "./postgres-place.ts";
import { awaitReady, endGroup, type Launch, type PartProcess } from "./process.ts";

const superuser = "postgres";
const environment = { PATH: "/usr/bin:/bin", LC_ALL: "C", LANG: "C", TZ: "UTC" };

// For a machine of two cores that other parts share. What a commit has promised stays promised.
const settings: Record<string, string> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  shared_buffers: "256MB",
  work_mem: "16MB",
  maintenance_work_mem: "128MB",
  max_wal_size: "4GB",
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",
  timezone: "UTC",
  log_timezone: "UTC",
  logging_collector: "off",
  log_checkpoints: "off",
};

/** Starts Postgres 18 on `dataDir` and answers once it takes queries. `url` names the superuser, database `postgres`. */
export async function startPostgres(options: {
  dataDir: string;
  port: number;
  launch: Launch;
}): Promise<{ process: PartProcess; url: string }> {
  const place = placePostgres(options.dataDir);
  const data = join(place.home, "data");
  await stopLeftover(data);
  initialise(place, data);
  const url = `postgres://${superuser}:${readFileSync(join(place.home, "password"), "utf8")}@127.0.0.1:${options.port}/postgres`;

  // After a kill -9 the old backends need a moment to notice; until then the new server refuses the folder.
  for (let attempt = 1; ; attempt++) {
    const process = await options.launch({
      name: "postgres",
      command: join(place.binaries, "bin", "postgres"),
      args: ["-D", data, "-p", String(options.port), ...flags()],
      env: environment,
      cwd: "/",
      user: ids(place.user),
      stopSignal: "SIGINT", // fast shutdown: SIGTERM would wait for every client to leave
      stopWithinMs: 20_000,
    });
    try {
      await awaitReady(process, () => postgresAnswers(url), 60_000);
      return { process, url };
    } catch (error) {
      await process.stop();
      if (attempt >= 20 || !/shared memory block|is another postmaster/.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

/** Does the server behind this URL take queries now? */
export async function postgresAnswers(url: string): Promise<boolean> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 3_000,
    query_timeout: 3_000,
  });
  client.on("error", () => {}); // The server may go away between the answer and the goodbye.
  try {
    await client.connect();
    await client.query("select 1");
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Makes the database when it is not there and answers its URL. */
export async function ensureDatabase(serverUrl: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    const found = await client.query("select 1 from pg_database where datname = $1", [name]);
    if (found.rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.toString();
}

// Made beside its place and renamed when complete, so that a broken-off initdb leaves nothing to trip over.
function initialise(place: PostgresPlace, data: string): void {
  if (existsSync(join(data, "PG_VERSION"))) return;
  const half = `${data}.new`;
  const passwordFile = join(place.home, "password");
  rmSync(half, { recursive: true, force: true });
  writeFileSync(passwordFile, randomBytes(24).toString("hex"), { mode: 0o600 });
  if (place.user) chownSync(passwordFile, place.user.uid, place.user.gid);
  const result = spawnSync(
    join(place.binaries, "bin", "initdb"),
    [
      ...["-D", half, "-U", superuser, "--encoding=UTF8", "--locale=C"],
      ...["--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
      ...["--auth=scram-sha-256", `--pwfile=${passwordFile}`],
    ],
    { cwd: "/", env: environment, encoding: "utf8", ...ids(place.user) },
  );
  if (result.status !== 0) {
    const said =
      result.error?.message ??
      `${result.stdout}${result.stderr}`.trim().split("\n").slice(-10).join("\n  | ");
    throw new StackError(`Postgres could not make its data folder ${data}:\n  | ${said}`);
  }
  renameSync(half, data);
}

// A server that a killed stack left behind is stopped. A pid file whose process is something else by now
// (pids are reused) would keep the new server from starting, so it goes.
async function stopLeftover(data: string): Promise<void> {
  const pidFile = join(data, "postmaster.pid");
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, "utf8").split("\n")[0]);
  const identity = Number.isInteger(pid) && pid > 1 ? identify(pid) : null;
  if (identity !== null && servesFrom(pid, data)) {
    await endGroup(pid, "SIGINT", 20_000, () => !isRunning(identity));
  }
  rmSync(pidFile, { force: true });
}

function servesFrom(pid: number, data: string): boolean {
  try {
    return realpathSync(`/proc/${pid}/cwd`) === realpathSync(data);
  } catch {
    const args = spawnSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" }).stdout;
    return typeof args === "string" && args.includes(data);
  }
}

function flags(): string[] {
  return Object.entries({ ...settings, ...sharedMemory() }).flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`,
  ]);
}

// Containers often have a /dev/shm of 64 MB, on which a parallel query fails: then plain files do.
function sharedMemory(): Record<string, string> {
  try {
    const { bsize, blocks } = statfsSync("/dev/shm");
    return bsize * blocks >= 256 * 1024 * 1024 ? {} : { dynamic_shared_memory_type: "mmap" };
  } catch {
    return {};
  }
}
