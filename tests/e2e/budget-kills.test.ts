/**
 * Hard budgets under crashes: processes that make paid calls are killed (-9) at random moments, and started again. Limits
 * that are set halfway have to know what was held and spent before, and be told of the rest. The provider is a simulator
 * in a process of its own, which keeps its own books. BUDGET_KILLS=200 for the long run, BUDGET_KILLS_SEED to repeat one.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import { setLimits } from "#db/queries/budgets.ts";
import { listUnknownCalls } from "#db/queries/unanswered-calls.ts";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { HUNTER_KEY } from "#infra/simulator/hunter/app.ts";
import { dayInRomania } from "#src/domain/romanian-calendar.ts";
import { resolveUnknownCall } from "#src/platform/unanswered-calls.ts";
import { HUNTER_CREDIT_MICROS } from "#src/providers/hunter/provider.ts";
import type { BudgetKillsOptions } from "#tests/support/budget-kills-process.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";
import { createContext, lookupsOf } from "#tests/support/gateways.ts";

const KILLS = Number(process.env.BUDGET_KILLS ?? 15);
const SEED = Number(process.env.BUDGET_KILLS_SEED ?? Date.now() % 1_000_000);
/** Both live at once, and one of them is always being killed. */
const PROCESSES = 2;
const IN_FLIGHT = 8;
/** Less than what all domains would cost, more than is spent while processes are being killed, on a busy machine too. */
const CAP_MICROS = KILLS * 40 * HUNTER_CREDIT_MICROS;
const DOMAINS = KILLS * 130;

let database: TestDatabase;
let db: Db;
/** Sees everything, past row-level security. */
let owner: pg.Client;
let simulator: ChildProcess;
let simulatorUrl: string;
let folder: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "budget-kills-"));
  database = await createTestDatabase({ migrate: true });
  db = createDb(database.url, { max: 4 });
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
  simulator = spawn(process.execPath, ["infra/simulator/main.ts"], {
    env: {
      PATH: process.env.PATH,
      SIMULATOR_HUNTER_LIMITED: "0",
      SIMULATOR_HUNTER_LATENCY_MS: "400",
      SIMULATOR_HUNTER_JITTER_MS: "200",
      // Charged, and never heard of; and the other way round.
      SIMULATOR_HUNTER_RESET_EVERY: "37",
      SIMULATOR_HUNTER_ERROR_EVERY: "41",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  simulatorUrl = JSON.parse(await lineOf(simulator)).url;
});
afterAll(async () => {
  for (const child of [...started, simulator]) child.kill("SIGKILL");
  await rm(folder, { recursive: true });
  await db.$client.end();
  await owner.end();
  await database.drop();
});

it(`${KILLS} kills in the middle of paid calls: never above the cap, nothing paid twice, equal ledgers`, {
  timeout: 60_000 + KILLS * 6_000,
}, async () => {
  console.log(`budget kills: ${KILLS} kills, seed ${SEED}`);
  const random = randomOf(SEED);
  const context = await createContext(db, { maxCostMicros: CAP_MICROS });
  const options: BudgetKillsOptions = {
    databaseUrl: database.url,
    redisUrl: inject("redisUrl"),
    env: { HUNTER_BASE_URL: `${simulatorUrl}/hunter`, HUNTER_API_KEY: HUNTER_KEY },
    workspaceId: context.workspaceId,
    jobId: context.jobId,
    lookups: lookupsOf(domains(DOMAINS)),
    inFlight: IN_FLIGHT,
    leaseMs: 600,
  };
  const file = join(folder, "options.json");
  await writeFile(file, JSON.stringify(options));
  const start = async () => {
    const name = `process-${started.length}`;
    const args = ["tests/support/budget-kills-process.ts", file, String(Math.floor(random() * 1_000)), name];
    const child = spawn(process.execPath, args, {
      env: { PATH: process.env.PATH },
      stdio: ["ignore", "pipe", "inherit"],
    });
    started.push(child);
    expect(await lineOf(child)).toBe("ready");
    return { child, name };
  };

  const watch = watchSpending(context.jobId);
  const processes = await Promise.all(Array.from({ length: PROCESSES }, start));
  let inTheMiddle = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const { child, name } = processes[kill % PROCESSES] as (typeof processes)[0];
    await eventually(async () => (await openCalls(name)).sending > 0, { deadlineMs: 60_000, everyMs: 10 });
    await sleep(random() * 500);
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    const left = await openCalls(name);
    if (left.sending > 0) inTheMiddle++;
    expect(left.sending).toBeLessThanOrEqual(IN_FLIGHT);
    processes[kill % PROCESSES] = await start();
    if (kill === Math.floor(KILLS / 2)) await limitWorkspace(context.workspaceId);
  }
  // The last ones are left alone until nothing is open any more, and may be quick about it.
  await simulated("hunter", { latencyMs: 5, jitterMs: 0 });
  await Promise.all(processes.map(({ child }) => child.exitCode ?? once(child, "exit")));
  expect(processes.map(({ child }) => child.exitCode)).toEqual([0, 0]);
  const most = await watch.stop();

  expect(inTheMiddle, "kills while paid calls were on their way").toBeGreaterThan(KILLS * 0.6);
  expect(most.ours).toBeLessThanOrEqual(CAP_MICROS);
  expect(most.theirs).toBeLessThanOrEqual(CAP_MICROS);
  // The cap was what ended it.
  expect(most.ours).toBeGreaterThan(CAP_MICROS - HUNTER_CREDIT_MICROS);

  const charges: Record<string, number> = await simulated("hunter/charges");
  const unknown = await resolveByTheirBooks(context.workspaceId, charges);
  const report = await simulated("hunter");
  expect(report.charged).toMatchObject({ chargedTwice: 0 });
  expect(unknown).toBeLessThanOrEqual(KILLS * IN_FLIGHT + report.errors + report.resets);

  const { rows } = await owner.query(
    `SELECT split_part(idempotency_key, ':', 2) AS domain, sum(cost_micros)::bigint AS cost
       FROM provider_calls WHERE cost_micros > 0 GROUP BY 1`,
  );
  expect(Object.fromEntries(rows.map(({ domain, cost }) => [domain, Number(cost)]))).toEqual(charges);
  const total = Object.values(charges).reduce((sum, cost) => sum + cost, 0);
  const accounts = await owner.query(
    "SELECT scope, held_micros::int AS held, spent_micros::bigint AS spent FROM budgets",
  );
  expect(accounts.rows.map(({ scope }) => scope).sort()).toEqual(["job", "provider", "workspace"]);
  for (const account of accounts.rows) expect(account).toMatchObject({ held: 0, spent: total });
  console.log(
    `budget kills: ${inTheMiddle} of ${KILLS} left calls behind, ${unknown} outcomes were unknown; ` +
      `${total / HUNTER_CREDIT_MICROS} credits spent of ${CAP_MICROS / HUNTER_CREDIT_MICROS}, the most at any moment ` +
      `${most.ours / HUNTER_CREDIT_MICROS} held and spent, ${most.theirs / HUNTER_CREDIT_MICROS} in the provider's books`,
  );
});

/** Allows as much as the job may spend, in the middle of its calls. */
function limitWorkspace(workspaceId: string): Promise<void> {
  const limits = ["hunter", null].map((provider) => ({
    provider,
    period: "total" as const,
    limitMicros: CAP_MICROS,
  }));
  return inWorkspace(db, workspaceId, (tx) => setLimits(tx, workspaceId, limits, dayInRomania(new Date())));
}

/** Open calls of a process, or those that it left behind; but not those of the field that it shares with others. */
async function openCalls(name: string): Promise<{ reserved: number; sending: number }> {
  const { rows } = await owner.query(
    `SELECT (count(*) FILTER (WHERE status = 'reserved'))::int AS reserved,
            (count(*) FILTER (WHERE status IN ('sending', 'unknown')))::int AS sending
     FROM provider_calls WHERE field = $1 AND (lease_until IS NOT NULL OR error_kind = 'lease_expired')`,
    [name],
  );
  return rows[0];
}

/** Looks at both ledgers as often as it can. */
function watchSpending(jobId: string): { stop: () => Promise<{ ours: number; theirs: number }> } {
  const most = { ours: 0, theirs: 0 };
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      const { rows } = await owner.query(
        "SELECT held_micros + spent_micros AS used FROM budgets WHERE scope = 'job' AND key = $1",
        [jobId],
      );
      most.ours = Math.max(most.ours, Number(rows[0]?.used ?? 0));
      most.theirs = Math.max(most.theirs, (await simulated("hunter")).charged.micros);
      await sleep(10);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await watching;
      return most;
    },
  };
}

/** What a person would do: looks each unknown call up in the provider's books. Returns how many there were. */
async function resolveByTheirBooks(workspaceId: string, charges: Record<string, number>): Promise<number> {
  for (let resolved = 0; ; ) {
    const calls = await inWorkspace(db, workspaceId, (tx) =>
      listUnknownCalls(tx, workspaceId, { afterId: null, limit: 100 }),
    );
    if (calls.length === 0) return resolved;
    for (const { id, subjects } of calls) {
      const charged = subjects.some((subject) => subject in charges);
      await inWorkspace(db, workspaceId, (tx) => resolveUnknownCall(tx, id, { charged }));
      resolved++;
    }
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the simulator's own report
async function simulated(path: string, settings?: object): Promise<any> {
  const init = settings ? { method: "POST", body: JSON.stringify(settings) } : {};
  return (await fetch(`${simulatorUrl}/__simulator/${path}`, init)).json();
}

/** Domains of invented companies that are on the web. */
function domains(count: number): string[] {
  const found = new Set<string>();
  for (let cui = 10_000_000; found.size < count; cui++) {
    const { domain } = simulatedCompany(cui);
    if (domain) found.add(domain);
  }
  return [...found];
}

/** The first line that a process prints. */
async function lineOf(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error("Its output is not piped");
  for await (const line of createInterface(child.stdout)) return line;
  throw new Error("It ended without a word");
}

/** mulberry32: small, seeded, good enough to choose moments. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
