import { setTimeout as sleep } from "node:timers/promises";
import { cpuSeconds, rssMb } from "../processes.ts";
import { EVENTS } from "./names.ts";
import { end, type Server, startEngine, type World } from "./world.ts";

/** Started runs that have not ended, at most, while runs are measured: the engine is busy, its queue is no heap. */
const OUTSTANDING = 5_000;

export interface Throughput {
  runs: number;
  seconds: number;
  runsPerSecond: number;
  callsPerSecond: number;
  /** CPU seconds over the length of the part; null where that cannot be told. */
  cpu: { engine: number | null; app: number; postgres: number | null };
}

/** Runs of one step, from the first event sent to the last run recorded as finished. */
export async function runsOfOneStep(world: World, server: Server, count: number): Promise<Throughput> {
  const finishedBefore = await finishedRuns(world);
  const before = await world.app();
  const cpuBefore = { engine: cpuSeconds(world.enginePid), postgres: server.cpuSeconds() };
  const startedAt = performance.now();
  let sent = 0;
  for (let calls = 0; calls < count; calls = (await world.app()).calls - before.calls) {
    const more = Math.min(count - sent, OUTSTANDING - (sent - calls));
    if (more >= 100 || (more > 0 && sent + more === count)) {
      await world.send({ event: EVENTS.one, count: more });
      sent += more;
    } else await sleep(50);
  }
  while (await hasItems(world)) await sleep(20);
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = await world.app();
  const finished = (await finishedRuns(world)) - finishedBefore;
  if (finished !== count) throw new Error(`${finished} of ${count} runs are finished`);
  return {
    runs: count,
    seconds,
    runsPerSecond: count / seconds,
    callsPerSecond: (after.calls - before.calls) / seconds,
    cpu: {
      engine: less(cpuSeconds(world.enginePid), cpuBefore.engine),
      app: after.cpuSeconds - before.cpuSeconds,
      postgres: less(server.cpuSeconds(), cpuBefore.postgres),
    },
  };
}

/** Events that no function listens to, in requests of 100: what accepting them durably costs. */
export async function eventsAccepted(world: World, count: number): Promise<number> {
  const stored = async () =>
    (
      await world.db.query("select count(*)::int as n from inngest_engine.event where name = $1", [
        EVENTS.none,
      ])
    ).rows[0].n;
  const before = await stored();
  const startedAt = performance.now();
  await world.send({ event: EVENTS.none, count, senders: 20 });
  const seconds = (performance.now() - startedAt) / 1_000;
  const more = (await stored()) - before;
  if (more !== count) throw new Error(`${count} events were answered 200, ${more} are stored`);
  return count / seconds;
}

/** Samples the engine's memory until stopped: its growth from the first tenth of the samples to the last. */
export function watchRss(
  pid: number,
): () => { growthMb: number; firstMb: number; lastMb: number; peakMb: number } {
  const samples: number[] = [];
  const sample = () => samples.push(rssMb(pid));
  const timer = setInterval(sample, 250);
  return () => {
    clearInterval(timer);
    sample();
    const tenth = Math.max(1, Math.floor(samples.length / 10));
    const firstMb = median(samples.slice(0, tenth));
    const lastMb = median(samples.slice(-tenth));
    return { growthMb: lastMb - firstMb, firstMb, lastMb, peakMb: Math.max(...samples) };
  };
}

/** One key floods 10,000 runs; other keys send one each meanwhile. Milliseconds from each send to the start. */
export async function startsBesideFlood(world: World): Promise<number[]> {
  const waitsMs: number[] = [];
  await world.send({ event: EVENTS.keyed, count: 10_000, data: { key: "flood" } });
  for (let n = 0; n < 10; n++) {
    const sentAt = Date.now();
    await world.send({ event: EVENTS.keyed, count: 1, data: { key: `other-${n}` } });
    for (;;) {
      const startedAt = (await world.app()).started[n];
      if (startedAt !== undefined) {
        waitsMs.push(startedAt - sentAt);
        break;
      }
      if (Date.now() - sentAt > 60_000) throw new Error("the run of another key did not start within 60 s");
      await sleep(20);
    }
    await sleep(200);
  }
  if (!(await hasItems(world))) throw new Error("the flood was over before the last of the others was sent");
  while (await hasItems(world)) await sleep(100);
  return waitsMs;
}

/** Seconds from the engine's process start to its ready line, with finished runs in its tables. */
export async function startUpSeconds(server: Server, runs: number): Promise<number[]> {
  return await server.withDatabase(async (url) => {
    await end((await startEngine(url)).child); // makes the tables
    await seedFinishedRuns(url, runs);
    const seconds: number[] = [];
    for (let n = 0; n < 3; n++) {
      const startedAt = performance.now();
      const engine = await startEngine(url);
      const healthy = await fetch(`${engine.url}/health`);
      if (!healthy.ok) throw new Error(`health: ${healthy.status}`);
      seconds.push((performance.now() - startedAt) / 1_000);
      await end(engine.child);
    }
    return seconds;
  });
}

async function seedFinishedRuns(url: string, runs: number): Promise<void> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: `${url}?options=-csearch_path%3Dinngest_engine` });
  await client.connect();
  const now = Date.now();
  // Ids sort by time like real ones; all lie within the retention, so that nothing is swept away.
  const { newId } = await import("#infra/engine/protocol/ids.ts");
  const prefix = newId(now - 3_600_000).slice(0, 10);
  const id = (letter: string) => `'${prefix}${letter}' || lpad(n::text, 15, '0')`;
  const series = `from generate_series(1, ${runs}) n`;
  const fn = "'00000000-0000-4000-8000-000000000001'::uuid";
  await client.query(
    `insert into event (internal_id, event_id, name, ts_ms, body)
     select ${id("E")}, ${id("E")}, 'load/one', ${now}, '{"data":{"n":1},"name":"load/one","ts":${now}}' ${series}`,
  );
  await client.query(
    `insert into run (id, fn_id, status, version, event_id, keys, queued_at_ms, ended_at_ms, output)
     select ${id("R")}, ${fn}, 1, 2, ${id("E")}, '', ${now - 3_600_000}, ${now - 3_000_000}, '1' ${series}`,
  );
  await client.query(
    `insert into run_key (fn_id, key, run_id, expires_at_ms)
     select ${fn}, ${id("E")}, ${id("R")}, ${now + 80_000_000} ${series}`,
  );
  await client.query(
    `insert into step (run_id, step_id, seq, op, name, memo, at_ms)
     select ${id("R")}, 'step-of-the-run', 1, 'StepRun', 'only', '{"data":1}', ${now} ${series}`,
  );
  await client.end();
}

async function hasItems(world: World): Promise<boolean> {
  const found = await world.db.query("select exists (select from inngest_engine.queue_item) as some");
  return found.rows[0].some;
}

async function finishedRuns(world: World): Promise<number> {
  return (await world.db.query("select count(*)::int as n from inngest_engine.run where status = 1")).rows[0]
    .n;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function less(after: number | null, before: number | null): number | null {
  return after === null || before === null ? null : after - before;
}
