/**
 * Measures the local engine: one-step runs per second beside the SDK's own ceiling, durably accepted events per
 * second, and whether its memory grows. The app is a process of its own, as in real life.
 *
 *   node tests/load/engine.ts [--runs 20000] [--long] [--repeat 5] [--fairness] [--startup] [--json PATH]
 *
 *   --long      200,000 runs instead of 20,000
 *   --fairness  one key floods 10,000 runs: how soon another key's run starts
 *   --startup   how long the engine takes to start with 1,000,000 finished runs in its tables
 *   --profile DIR  engine and app write CPU profiles there
 *
 * Without --database (or DATABASE_URL) it starts the local stack's Postgres. The runs are done in `--repeat`
 * parts; the SDK's ceiling is measured before each, so that both see the same machine. Figures are medians.
 * Exit code 1: a target is missed.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import {
  eventsAccepted,
  median,
  runsOfOneStep,
  startsBesideFlood,
  startUpSeconds,
  type Throughput,
  watchRss,
} from "./engine/measures.ts";
import { createWorld, type Server, startServer } from "./engine/world.ts";
import { rssMb } from "./processes.ts";

const { values: options } = parseArgs({
  options: {
    database: { type: "string" },
    runs: { type: "string" },
    events: { type: "string", default: "100000" },
    repeat: { type: "string", default: "5" },
    long: { type: "boolean", default: false },
    fairness: { type: "boolean", default: false },
    startup: { type: "boolean", default: false },
    profile: { type: "string" },
    json: { type: "string" },
  },
});
const RUNS = Number(options.runs ?? (options.long ? 200_000 : 20_000));
const REPEAT = Number(options.repeat);
const WARM_UP_RUNS = 10_000;
/** Memory that a growing heap may take: what the garbage collector is behind with. */
const RSS_TOLERANCE_MB = 60;

const missed: string[] = [];
const server = await startServer(options.database ?? process.env.DATABASE_URL);
try {
  await throughput(server);
  if (options.startup) await startUp(server);
} finally {
  await server.stop();
}
for (const target of missed) say(`MISSED: ${target}`);
if (missed.length > 0) process.exitCode = 1;

async function throughput(on: Server): Promise<void> {
  await on.withDatabase(async (url) => {
    const world = await createWorld(url, options.profile);
    try {
      await sayDurability(world.db);
      await runsOfOneStep(world, on, WARM_UP_RUNS);
      say(`warm after ${WARM_UP_RUNS} runs; now ${RUNS} runs of one step in ${REPEAT} parts`);
      const stopWatching = watchRss(world.enginePid);
      const ceilings: number[] = [];
      const parts: Throughput[] = [];
      for (let part = 0; part < REPEAT; part++) {
        const ceiling = Math.round(await world.sdkAlone(5_000));
        const measured = await runsOfOneStep(world, on, Math.ceil(RUNS / REPEAT));
        ceilings.push(ceiling);
        parts.push(measured);
        sayPart(measured, ceiling, rssMb(world.enginePid));
      }
      const rss = stopWatching();
      const events: number[] = [];
      for (let part = 0; part < 3; part++) events.push(await eventsAccepted(world, Number(options.events)));
      const ratio = median(parts.map((part, n) => part.callsPerSecond / (ceilings[n] as number)));
      const figures = {
        stepRunsPerSecond: Math.round(median(parts.map((part) => part.runsPerSecond))),
        sdkCallsPerSecond: Math.round(median(parts.map((part) => part.callsPerSecond))),
        sdkCeilingPerSecond: Math.round(median(ceilings)),
        eventsPerSecond: Math.round(median(events)),
        rssGrowthMb: Math.round(rss.growthMb),
      };
      say(
        `engine's memory over ${RUNS} runs: ${mb(rss.firstMb)} to ${mb(rss.lastMb)}, at most ${mb(rss.peakMb)}`,
      );
      say(`events in requests of 100: ${events.map(Math.round).join(", ")} per second`);
      say(
        `calls to the SDK / its handler alone, in process: ${ratio.toFixed(2)} (median of ${REPEAT} pairs)`,
      );
      process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
      if (options.json) await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
      want(figures.stepRunsPerSecond >= 300, "300 one-step runs/s");
      want(ratio >= 0.5, "half of the SDK's own ceiling");
      want(figures.eventsPerSecond >= 5_000, "5,000 events/s");
      want(figures.rssGrowthMb < RSS_TOLERANCE_MB, `memory flat within ${RSS_TOLERANCE_MB} MB`);
      if (options.fairness) {
        const waitsMs = await startsBesideFlood(world);
        say(`beside a flood of 10,000 runs, other keys' runs started after ${waitsMs.join(", ")} ms`);
        want(Math.max(...waitsMs) < 1_000, "another key's run starts within 1 s");
      }
    } finally {
      await world.close();
    }
  });
}

async function startUp(on: Server): Promise<void> {
  const seconds = await startUpSeconds(on, 1_000_000);
  say(`start-up with 1,000,000 finished runs: ${seconds.map((s) => s.toFixed(2)).join(", ")} s`);
  want(median(seconds) < 3, "start-up under 3 s");
}

/** What is measured counts only when it would survive a power cut. */
async function sayDurability(db: { query: (sql: string) => Promise<{ rows: Record<string, string>[] }> }) {
  const found = await db.query(
    `select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
            current_setting('synchronous_commit') as synchronous_commit`,
  );
  const settings = found.rows[0] ?? {};
  say(
    `state is durable: ${Object.entries(settings)
      .map(([name, value]) => `${name}=${value}`)
      .join(", ")}`,
  );
  want(
    Object.values(settings).every((value) => value === "on"),
    "durable state",
  );
}

function sayPart(part: Throughput, ceiling: number, memoryMb: number): void {
  const { runs, seconds, runsPerSecond, callsPerSecond, cpu } = part;
  const perRun = (used: number | null) => (used === null ? "?" : ((used / runs) * 1_000).toFixed(2));
  say(
    `${runs} runs in ${seconds.toFixed(1)} s: ${Math.round(runsPerSecond)} runs/s; SDK alone ${ceiling}/s, ratio ` +
      `${(callsPerSecond / ceiling).toFixed(2)}; the app worked ${((cpu.app / seconds) * 100).toFixed(0)} % of the time; ` +
      `CPU ms per run: app ${perRun(cpu.app)}, engine ${perRun(cpu.engine)}, Postgres ${perRun(cpu.postgres)}; ` +
      `engine's memory ${mb(memoryMb)}`,
  );
}

function want(met: boolean, target: string): void {
  if (!met) missed.push(target);
}

function mb(value: number): string {
  return `${Math.round(value)} MB`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
