/**
 * `npm run bench`: the whole pipeline (pipeline.ts, whose options it takes; `--help` lists them). With `--all` the
 * other load tests follow, one after the other, at a modest size, and a table of what they measured.
 *
 *   node tests/load/run.ts [--json PATH] [options of pipeline.ts]
 *   node tests/load/run.ts --all [--json PATH] [--database postgres://...]
 *
 * The ratios compare with something measured in the same minute, so they say more than the figures do on a
 * machine that others use, too. Exit code 1: a load test missed its target or failed.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import Table from "cli-table3";

type Figures = Record<string, number | boolean>;

const given = process.argv.slice(2);
const BENCHES = {
  import: ["import.ts", "--rows", "100000"],
  engine: ["engine.ts", "--runs", "9000", "--repeat", "3", "--events", "50000"],
} as const;

if (given.includes("--all")) await all(given);
else process.exitCode = await run("pipeline.ts", given);

async function all(args: string[]): Promise<void> {
  const text = { type: "string" } as const;
  const { values: options } = parseArgs({
    args,
    options: { all: { type: "boolean" }, json: text, database: text },
  });
  const database = options.database ? ["--database", options.database] : [];
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const results: Record<string, Figures> = {};
  const bench = async (name: string, file: string, args: readonly string[]): Promise<string | null> => {
    console.log(`\n${name}: node tests/load/${file} ${args.join(" ")}`);
    const json = join(folder, `${name}.json`);
    if ((await run(file, [...args, "--json", json])) !== 0) process.exitCode = 1;
    return readFile(json, "utf8").catch(() => null);
  };
  try {
    // Each of its runs has a Postgres of its own, whatever database is given to the others.
    const pipeline = await bench("pipeline", "pipeline.ts", []);
    for (const [name, [file, ...args]] of Object.entries(BENCHES)) {
      const figures = await bench(name, file, [...args, ...database]);
      if (figures !== null) results[name] = JSON.parse(figures) as Figures;
    }
    print(results);
    const everything = { ...(pipeline === null ? {} : JSON.parse(pipeline)), ...results };
    if (options.json) await writeFile(options.json, `${JSON.stringify(everything, null, 2)}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function print({ import: load, engine }: Record<string, Figures>): void {
  const table = new Table({
    head: ["what", "measured", "beside", "ratio", "target"],
    style: { head: [], border: [] },
  });
  if (load) {
    const times = Number(load.timesBareCopy).toFixed(1);
    const bare = `${whole(load.bareCopyRowsPerSecond)} rows/s by a bare COPY`;
    table.push(["registry import", `${whole(load.rowsPerSecond)} rows/s`, bare, `${times} x the time`, ""]);
    const small = `${load.smallFilePeakRssMb} MB for a file of a sixth`;
    table.push([
      "its memory",
      `${load.peakRssMb} MB`,
      small,
      ratio(load.peakRssMb, load.smallFilePeakRssMb),
      "no growth",
    ]);
  }
  if (engine) {
    const alone = `${whole(engine.sdkCeilingPerSecond)} calls/s by the SDK alone`;
    const share = ratio(engine.sdkCallsPerSecond, engine.sdkCeilingPerSecond);
    table.push(["calls to the SDK", `${whole(engine.sdkCallsPerSecond)}/s`, alone, share, "at least 0.50"]);
    table.push(["one-step runs", `${whole(engine.stepRunsPerSecond)}/s`, "", "", "at least 300/s"]);
    table.push(["events accepted", `${whole(engine.eventsPerSecond)}/s`, "", "", "at least 5,000/s"]);
    table.push([
      "engine's memory",
      `${engine.rssGrowthMb} MB more over 9,000 runs`,
      "",
      "",
      "levels off (--long)",
    ]);
  }
  console.log(`\n${table.toString()}`);
}

function run(file: string, args: string[]): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, file), ...args], { stdio: "inherit" });
  return new Promise((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
}

function ratio(a: unknown, b: unknown): string {
  return (Number(a) / Number(b)).toFixed(2);
}

function whole(value: unknown): string {
  return Math.round(Number(value)).toLocaleString("en");
}
