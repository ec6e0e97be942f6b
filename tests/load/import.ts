/**
 * Measures the registry import: rows per second from the file to committed prospects, Postgres included, as a ratio
 * to a bare COPY of the same bytes in the same run, and its memory on a small and on a large file.
 *
 *   node tests/load/import.ts [--rows 300000] [--companions] [--database postgres://...] [--json PATH]
 *
 * Without --database (or DATABASE_URL) it starts the local stack's Postgres. Exit code 1: memory grows with the file.
 */
import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import pg from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { createDb } from "#db/client.ts";
import { migrate } from "#db/migrate.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { type SampleRegistry, writeSampleRegistry } from "#infra/demo/sample-registry.ts";
import { startStack } from "#infra/stack/stack.ts";
import { type ImportCounts, loadImport } from "#src/platform/registry-import/load.ts";
import { prepareImport } from "#tests/support/registry-files.ts";

const { values: options } = parseArgs({
  options: {
    rows: { type: "string", default: "300000" },
    companions: { type: "boolean", default: false },
    database: { type: "string" },
    json: { type: "string" },
    // The measured process itself, which loads one import.
    import: { type: "string" },
  },
});

/** Memory that a larger file may take beyond a small one's: what the garbage collector is behind with. */
const TOLERANCE_MB = 120;

interface Measured {
  counts: ImportCounts;
  ms: number;
  cpuMs: number;
  peakRssMb: number;
}

if (options.import) await loadOnly(options.database as string, options.import);
else await main();

async function main(): Promise<void> {
  const given = options.database ?? process.env.DATABASE_URL;
  const stack = given
    ? null
    : await startStack({ dataDir: join(import.meta.dirname, "../../.local/bench"), parts: ["postgres"] });
  const server = given ?? (stack?.part("postgres").url as string);
  const folder = await mkdtemp(join(tmpdir(), "import-load-"));
  try {
    const rows = Number(options.rows);
    const large = await writeSampleRegistry({ dir: join(folder, "large"), rows, seed: 1 });
    const small = await writeSampleRegistry({
      dir: join(folder, "small"),
      rows: Math.ceil(rows / 6),
      seed: 2,
    });
    const result = await withDatabase(server, async (url) => {
      // The small one first: it also warms up Postgres.
      const first = await loadInProcess(url, small);
      const copyMs = await bareCopy(url, large.file);
      const second = await loadInProcess(url, large);
      const copyAgainMs = await bareCopy(url, large.file);
      return { first, second, copyMs: (copyMs + copyAgainMs) / 2 };
    });
    await report(result, { large, small });
  } finally {
    await rm(folder, { recursive: true, force: true });
    await stack?.stop();
  }
}

async function report(
  { first, second, copyMs }: { first: Measured; second: Measured; copyMs: number },
  { large, small }: { large: SampleRegistry; small: SampleRegistry },
): Promise<void> {
  const { size } = await stat(large.file);
  const memoryGrowthMb = second.peakRssMb - first.peakRssMb;
  const figures = {
    rows: second.counts.rows,
    megabytes: Math.round(size / 1e6),
    companions: options.companions,
    rowsPerSecond: Math.round((second.counts.rows / second.ms) * 1000),
    bareCopyRowsPerSecond: Math.round((second.counts.rows / copyMs) * 1000),
    timesBareCopy: Number((second.ms / copyMs).toFixed(1)),
    nodeCpuShare: Number((second.cpuMs / second.ms).toFixed(2)),
    peakRssMb: second.peakRssMb,
    smallFileRows: first.counts.rows,
    smallFilePeakRssMb: first.peakRssMb,
    countsAreExact: sameCounts(first.counts, small) && sameCounts(second.counts, large),
    memoryIsConstant: memoryGrowthMb < TOLERANCE_MB,
  };
  console.log(JSON.stringify(figures, null, 2));
  if (options.json) await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
  if (!figures.memoryIsConstant || !figures.countsAreExact) process.exitCode = 1;
}

// Numbers of the two samples may meet: then a company of the second is a duplicate of the first's.
function sameCounts(counts: ImportCounts, { expected }: SampleRegistry): boolean {
  const added = counts.imported + counts.duplicates === expected.imported + expected.duplicates;
  return added && counts.rows === expected.rows && counts.rejected === expected.rejected;
}

async function loadInProcess(url: string, sample: SampleRegistry): Promise<Measured> {
  const db = createDb(url, { max: 2 });
  const companions = options.companions
    ? { states: sample.statesFile, activities: sample.activitiesFile }
    : {};
  const { importId } = await prepareImport(db, DEFAULT_WORKSPACE_ID, { file: sample.file, ...companions });
  await db.$client.end();
  const child = spawn(process.execPath, [import.meta.filename, "--database", url, "--import", importId], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  for await (const chunk of child.stdout) output += chunk;
  return JSON.parse(output) as Measured;
}

async function loadOnly(url: string, importId: string): Promise<void> {
  const db = createDb(url);
  const started = performance.now();
  const counts = await loadImport(db, { workspaceId: DEFAULT_WORKSPACE_ID, importId });
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage();
  const peakRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ counts, ms, cpuMs: (user + system) / 1000, peakRssMb } satisfies Measured));
  await db.$client.end();
}

/** The same bytes, a line a row, into a table of one column without an index: what Postgres does at its best. */
async function bareCopy(url: string, file: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("CREATE TABLE bare_copy (line text)");
    const started = performance.now();
    // Bytes that are in no line stand for delimiter and quote, and every byte is a character of this encoding.
    const copy = copyFrom(
      "COPY bare_copy FROM STDIN (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02', ENCODING 'LATIN1')",
    );
    await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), client.query(copy));
    return performance.now() - started;
  } finally {
    await client.query("DROP TABLE bare_copy");
    await client.end();
  }
}

async function withDatabase<T>(server: string, work: (url: string) => Promise<T>): Promise<T> {
  const name = `import_load_${process.pid}`;
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  try {
    const url = new URL(server);
    url.pathname = `/${name}`;
    await migrate(url.href);
    return await work(url.href);
  } finally {
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.end();
  }
}
