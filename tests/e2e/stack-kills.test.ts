import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { identify } from "#infra/stack/identity.ts";
import { canRun } from "#infra/stack/os-user.ts";
import { nativeDir, placePostgres } from "#infra/stack/postgres-place.ts";
import { type Stack, startStack } from "#infra/stack/stack.ts";
import type { StackPart } from "#infra/stack/supervisor.ts";
import { eventually } from "#tests/support/eventually.ts";
import { newDataDir, removeFolders, track, withoutServiceUrls } from "#tests/support/stack-folders.ts";

const script = join(import.meta.dirname, "../support/run-stack.ts");
const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === "linux";
const nobody = { name: "nobody", uid: 65534, gid: 65534 };
const children: ChildProcess[] = [];
const stacks: Stack[] = [];

beforeEach(withoutServiceUrls);
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGTERM");
  for (const stack of stacks.splice(0)) await stack.stop();
  vi.unstubAllEnvs();
});
afterAll(removeFolders);

/** A stack in another process, once it is ready. */
async function startElsewhere(dataDir: string, user?: { uid: number; gid: number }) {
  const child = spawn(process.execPath, [script, dataDir], { stdio: ["ignore", "pipe", "pipe"], ...user });
  children.push(child);
  let output = "";
  let errors = "";
  child.stdout?.on("data", (chunk) => (output += chunk));
  child.stderr?.on("data", (chunk) => (errors += chunk));
  await eventually(() => output.includes("\n") || child.exitCode !== null, { deadlineMs: 60_000 });
  if (child.exitCode !== null) throw new Error(`The stack ended with code ${child.exitCode}: ${errors}`);
  return { child, parts: JSON.parse(output) as StackPart[] };
}

async function startHere(dataDir: string): Promise<Stack> {
  const stack = await startStack({ dataDir, parts: ["postgres", "redis"], handleSignals: false });
  stacks.push(stack);
  return stack;
}

async function query(url: string, statement: string) {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  const { rows } = await client.query(statement);
  await client.end();
  return rows;
}

const urlOf = (parts: StackPart[], name: string) => parts.find((part) => part.name === name)?.url ?? "";
const allGone = (parts: StackPart[]) => parts.every(({ pid }) => identify(pid ?? 0) === null);

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s stops everything", async (signal, code) => {
  const { child, parts } = await startElsewhere(newDataDir());
  child.kill(signal);
  await eventually(() => child.exitCode !== null, { deadlineMs: 20_000 });
  expect(child.exitCode).toBe(code);
  expect(allGone(parts)).toBe(true);
});

test("the parts of a stack that was killed with -9 end by themselves, and the next start has all data", async () => {
  const dataDir = newDataDir();
  const { child, parts } = await startElsewhere(dataDir);
  await query(urlOf(parts, "postgres"), "create table kept as select 1 as value");
  child.kill("SIGKILL");
  await eventually(() => allGone(parts), { deadlineMs: 20_000 });
  const stack = await startHere(dataDir);
  expect(await query(stack.part("postgres").url, "select value from kept")).toEqual([{ value: 1 }]);
});

test("a start right after kill -9 of a stack takes its folder over", async () => {
  const dataDir = newDataDir();
  const { child, parts } = await startElsewhere(dataDir);
  child.kill("SIGKILL");
  const stack = await startHere(dataDir);
  expect(allGone(parts)).toBe(true);
  expect(await query(stack.part("postgres").url, "select 1 as one")).toEqual([{ one: 1 }]);
});

test.runIf(isLinux)("parts that nobody ended are found by the next start and stopped", async () => {
  const dataDir = newDataDir();
  const { child, parts } = await startElsewhere(dataDir);
  for (const pid of childrenOf(child.pid ?? 0)) {
    if (!parts.some((part) => part.pid === pid)) process.kill(pid, "SIGKILL"); // the reaper
  }
  child.kill("SIGKILL");
  await eventually(() => identify(child.pid ?? 0) === null);
  expect(allGone(parts)).toBe(false);
  const stack = await startHere(dataDir);
  expect(allGone(parts)).toBe(true);
  expect(await query(stack.part("postgres").url, "select 1 as one")).toEqual([{ one: 1 }]);
});

test("kill -9 of every process at once leaves a folder that starts again", async () => {
  const dataDir = newDataDir();
  const { child, parts } = await startElsewhere(dataDir);
  await query(urlOf(parts, "postgres"), "create table kept as select 1 as value");
  child.kill("SIGKILL");
  for (const { pid } of parts) process.kill(pid ?? 0, "SIGKILL");
  const stack = await startHere(dataDir);
  expect(await query(stack.part("postgres").url, "select value from kept")).toEqual([{ value: 1 }]);
});

test("a postmaster.pid whose process is another one by now does not keep Postgres from starting", async () => {
  const dataDir = newDataDir();
  await (await startHere(dataDir)).stop();
  const { home } = placePostgres(dataDir);
  writeFileSync(join(home, "data/postmaster.pid"), `${process.ppid}\n${home}/data\n1\n5432\n\n127.0.0.1\n`);
  const stack = await startHere(dataDir);
  expect(await query(stack.part("postgres").url, "select 1 as one")).toEqual([{ one: 1 }]);
});

test.runIf(isRoot)(
  "as root, in a folder that only root may enter, Postgres runs as a user of its own",
  async () => {
    const closed = mkdtempSync(join(tmpdir(), "cerniq-closed-"));
    const dataDir = track(join(closed, ".local"));
    const stack = await startHere(dataDir);
    expect(statSync(`/proc/${stack.part("postgres").pid}`).uid).not.toBe(0);
    await query(stack.part("postgres").url, "create table kept as select 1 as value");
    await stack.stop();
    const again = await startHere(dataDir);
    expect(await query(again.part("postgres").url, "select value from kept")).toEqual([{ value: 1 }]);
    await again.stop();
    track(closed);
  },
);

test.runIf(isRoot)("as root, binaries that this user cannot reach are copied to where it can", () => {
  const closed = mkdtempSync(join(tmpdir(), "cerniq-closed-"));
  cpSync(nativeDir(), join(closed, "native"), { recursive: true, verbatimSymlinks: true });
  const place = placePostgres(track(join(closed, ".local")), join(closed, "native"));
  track(closed);
  expect(place.binaries.startsWith(closed)).toBe(false);
  expect(canRun(place.user, join(place.binaries, "bin/initdb"), ["--version"])).toBe(true);
});

const nobodyCanRead =
  isRoot && canRun(nobody, process.execPath, [script.replace("run-stack.ts", "eventually.ts")]);

test.runIf(nobodyCanRead)("an ordinary user's stack runs all as that user", async () => {
  const dataDir = newDataDir();
  chownSync(dataDir, nobody.uid, nobody.gid);
  chmodSync(dataDir, 0o755);
  const { child, parts } = await startElsewhere(dataDir, { uid: nobody.uid, gid: nobody.gid });
  expect(parts.map(({ pid }) => statSync(`/proc/${pid}`).uid)).toEqual([nobody.uid, nobody.uid]);
  expect(await query(urlOf(parts, "postgres"), "select 1 as one")).toEqual([{ one: 1 }]);
  child.kill("SIGTERM");
  await eventually(() => allGone(parts), { deadlineMs: 20_000 });
});

function childrenOf(pid: number): number[] {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return all.map(Number).filter((child) => {
    try {
      const stat = readFileSync(`/proc/${child}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === pid;
    } catch {
      return false; // It ended while we looked.
    }
  });
}
