import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import { afterAll, afterEach, beforeEach, expect, inject, test, vi } from "vitest";
import { identify } from "#infra/stack/identity.ts";
import { type Stack, startStack } from "#infra/stack/stack.ts";
import type { Died } from "#infra/stack/supervisor.ts";
import { eventually } from "#tests/support/eventually.ts";
import { newDataDir, removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

const running: Stack[] = [];

beforeEach(withoutServiceUrls);
afterEach(async () => {
  for (const stack of running.splice(0)) await stack.stop();
  vi.unstubAllEnvs();
});
afterAll(removeFolders);

async function start(dataDir: string, ports: Record<string, number> = {}): Promise<Stack> {
  const stack = await startStack({ dataDir, ports, parts: ["postgres", "redis"], handleSignals: false });
  running.push(stack);
  return stack;
}

async function query(stack: Stack, statement: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: stack.part("postgres").url });
  await client.connect();
  try {
    return await client.query(statement);
  } finally {
    await client.end();
  }
}

async function withRedis<T>(stack: Stack, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(stack.part("redis").url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

const pids = (stack: Stack) => stack.parts.map((part) => part.pid ?? 0);

test("stack.json names each part with its URL and pid while it runs; stopping leaves no process and no file", async () => {
  const dataDir = newDataDir();
  const stack = await start(dataDir);
  const file = join(dataDir, "stack.json");
  const content = JSON.parse(readFileSync(file, "utf8"));
  expect(Object.keys(content.parts).sort()).toEqual(["postgres", "redis"]);
  for (const part of stack.parts) {
    expect(content.parts[part.name]).toMatchObject({ url: part.url, pid: part.pid, external: false });
  }
  expect(content).toMatchObject({ pid: process.pid, ready: true });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(dataDir, "keys.json")).mode & 0o777).toBe(0o600);

  const before = pids(stack);
  await stack.stop();
  expect(before.map(identify)).toEqual([null, null]);
  expect(existsSync(file)).toBe(false);
});

test("Postgres is 18 with UTF-8, and durable; Redis is append-only and evicts nothing", async () => {
  const stack = await start(newDataDir());
  const { rows } = await query(
    stack,
    `select current_setting('server_version_num')::int / 10000 as version, current_setting('server_encoding') as encoding,
            current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit, upper('ș') as upper`,
  );
  expect(rows[0]).toEqual({ version: 18, encoding: "UTF8", fsync: "on", commit: "on", upper: "Ș" });
  const settings = await withRedis(stack, (redis) =>
    redis.config("GET", "append*", "maxmemory-policy", "bind"),
  );
  expect(settings).toEqual(
    expect.arrayContaining(["appendonly", "yes", "appendfsync", "everysec", "noeviction"]),
  );
});

test("a second start finds what the first one stored", async () => {
  const dataDir = newDataDir();
  const first = await start(dataDir);
  await query(first, "create table kept as select 7 as value");
  await withRedis(first, (redis) => redis.set("kept", "8"));
  await first.stop();
  const second = await start(dataDir);
  expect((await query(second, "select value from kept")).rows).toEqual([{ value: 7 }]);
  expect(await withRedis(second, (redis) => redis.get("kept"))).toBe("8");
});

test("a second stack on the same folder is refused and told which process holds it", async () => {
  const dataDir = newDataDir();
  const stack = await start(dataDir);
  await expect(start(dataDir)).rejects.toThrow(`already runs on ${dataDir} (pid ${process.pid})`);
  expect((await query(stack, "select 1 as one")).rows).toEqual([{ one: 1 }]);
});

test("a part that dies is named with its last log lines", async () => {
  const stack = await start(newDataDir());
  const deaths: Died[] = [];
  stack.onDied((died) => deaths.push(died));
  process.kill(stack.part("redis").pid ?? 0, "SIGKILL");
  const died = await eventually(() => deaths[0] ?? false);
  expect(died).toMatchObject({ part: "redis", exit: { code: null, signal: "SIGKILL" } });
  expect(died.message).toContain("redis was killed by SIGKILL.");
  expect(died.message).toContain("Ready to accept connections");
  expect(stack.part("redis").pid).toBeNull();
});

test("a part killed through the stack is not reported, and restarts at the same address with its data", async () => {
  const stack = await start(newDataDir());
  const deaths: Died[] = [];
  stack.onDied((died) => deaths.push(died));
  const { url, pid } = stack.part("postgres");
  await query(stack, "create table kept as select 1 as value");
  await stack.kill("postgres", "SIGKILL");
  await stack.restart("postgres");
  expect(stack.part("postgres").url).toBe(url);
  expect(stack.part("postgres").pid).not.toBe(pid);
  expect((await query(stack, "select value from kept")).rows).toEqual([{ value: 1 }]);
  await stack.restart("redis");
  expect(await withRedis(stack, (redis) => redis.ping())).toBe("PONG");
  expect(deaths).toEqual([]);
});

test("a start that fails says why with the part's last lines, and stops what it had started", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await eventually(() => taken.listening);
  const { port } = taken.address() as { port: number };
  const dataDir = newDataDir();
  await expect(start(dataDir, { redis: port })).rejects.toThrow(
    /redis ended with code 1 while starting.*in use/s,
  );
  expect(existsSync(join(dataDir, "stack.json"))).toBe(false);
  expect(existsSync(join(dataDir, "postgres/data/postmaster.pid"))).toBe(false);
  taken.close();
  expect((await query(await start(dataDir), "select 1 as one")).rows).toEqual([{ one: 1 }]);
});

test("DATABASE_URL and REDIS_URL replace the local parts, which are then neither started nor stopped", async () => {
  vi.stubEnv("DATABASE_URL", inject("databaseUrl"));
  vi.stubEnv("REDIS_URL", inject("redisUrl"));
  const stack = await start(newDataDir());
  expect(stack.parts).toMatchObject([
    { name: "postgres", url: inject("databaseUrl"), pid: null, external: true },
    { name: "redis", url: inject("redisUrl"), pid: null, external: true },
  ]);
  await stack.stop();
  expect(await withRedis(stack, (redis) => redis.ping())).toBe("PONG");
  await expect(stack.kill("redis", "SIGKILL")).rejects.toThrow("redis runs elsewhere");
});

test("an inngest binary is started as the engine, on a database of its own, no secret on its command line", async () => {
  const dataDir = newDataDir();
  const binary = join(dataDir, "inngest");
  const answer = "response.end(JSON.stringify({ args: process.argv.slice(2), env: process.env }))";
  const port = "process.argv[process.argv.indexOf('--port') + 1]";
  const lines = [
    `#!${process.execPath}`,
    'import { createServer } from "node:http";',
    `createServer((_, response) => ${answer}).listen(${port}, "127.0.0.1");`,
  ];
  writeFileSync(binary, lines.join("\n"), { mode: 0o755 });
  vi.stubEnv("INNGEST_BIN", binary);
  const stack = await startStack({ dataDir, parts: ["postgres", "redis", "engine"], handleSignals: false });
  running.push(stack);
  expect(stack.engineKind).toBe("inngest");

  const response = await fetch(`${stack.part("engine").url}/health`);
  const { args, env } = (await response.json()) as { args: string[]; env: Record<string, string> };
  expect(args.slice(0, 3)).toEqual(["start", "--host", "127.0.0.1"]);
  expect(env).toMatchObject({
    INNGEST_REDIS_URI: `${stack.part("redis").url}/1`,
    INNGEST_POSTGRES_URI: stack.part("postgres").url.replace(/postgres$/, "cerniq_inngest?sslmode=disable"),
    INNGEST_SIGNING_KEY: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(args.join(" ")).not.toContain(env.INNGEST_SIGNING_KEY);
});

test("a part that needs another one says which", async () => {
  const starting = startStack({ dataDir: newDataDir(), parts: ["redis", "engine"], handleSignals: false });
  await expect(starting).rejects.toThrow("The part engine needs postgres");
});
