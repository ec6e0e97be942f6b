/** `npm run demo`: the main job from a registry export to scored companies, on the local stack. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { JobProgress } from "#db/queries/jobs.ts";
import { StackError } from "#infra/stack/errors.ts";
import { removeData } from "#infra/stack/remove-data.ts";
import { type Stack, startStack } from "#infra/stack/stack.ts";
import { apiOf, RefusedError, readJob, uploadExport, uploadReference } from "./api-client.ts";
import { type DemoOptions, HELP, readOptions, UsageError } from "./options.ts";
import { createProgress, type Progress } from "./progress.ts";
import { allFinal, type DemoReport, makeReport, printReport } from "./report.ts";
import { writeSampleRegistry } from "./sample-registry.ts";

const POLL_MS = 400;
/** A part that dies is started again, so that killing one shows what happens: nothing is lost. */
const MAX_RESTARTS = 20;

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") {
    console.log(HELP);
    return 0;
  }
  const { dataDir } = options;
  const progress = createProgress(process.stdout);
  progress.note("Starting Postgres, Redis, the engine, the simulator and the app …");
  await removeData(dataDir);
  const stack = await startStack({
    dataDir,
    appReplicas: options.replicas,
    liveAnaf: options.liveAnaf,
  });
  const errors: string[] = [];
  restartWhatDies(stack, progress, errors);
  try {
    const report = await run(stack, options, progress, errors);
    console.log(printReport(report, process.stdout.isTTY));
    if (options.report) writeFileSync(options.report, `${JSON.stringify(report, null, 2)}\n`);
    if (options.keep) await waitForInterrupt(stack);
    return allFinal(report) && report.errors.length === errors.length ? 0 : 1;
  } finally {
    progress.end();
    await stack.stop();
    if (!options.keep) await removeData(dataDir);
  }
}

async function run(
  stack: Stack,
  options: DemoOptions,
  progress: Progress,
  errors: string[],
): Promise<DemoReport> {
  const api = apiOf(stack);
  const engine = stack.engineKind === "local" ? "the local engine" : "an Inngest server";
  const asked = options.liveAnaf
    ? "the real ANAF and simulators of the other providers"
    : "simulators of all providers";
  progress.note(`Running on ${engine}, asking ${asked}. App: ${stack.env.APP_URL}`);

  const file = options.file ?? (await sample(options, progress));
  const registers = await uploadReference(api, file);
  if (registers.length > 0) progress.note(`Took in other public registers: ${registers.join(", ")}.`);
  const startedAt = Date.now();
  const { jobId } = await uploadExport(api, file);
  let job: JobProgress;
  do {
    await sleep(POLL_MS);
    job = await readJob(api, jobId);
    progress.show(job);
  } while (job.status !== "done" && job.status !== "failed");
  progress.end();
  const simulated = Object.keys(job.providers).filter((slug) => slug !== "anaf" || !options.liveAnaf);
  return makeReport(job, { engine: stack.engineKind, durationMs: Date.now() - startedAt, errors, simulated });
}

async function sample({ rows, seed, dataDir }: DemoOptions, progress: Progress): Promise<string> {
  const { file, expected } = await writeSampleRegistry({ dir: join(dataDir, "sample"), rows, seed });
  progress.note(`Made a sample export of ${expected.rows} rows (invented companies): ${file}`);
  return file;
}

function restartWhatDies(stack: Stack, progress: Progress, errors: string[]): void {
  let restarts = 0;
  stack.onDied(async ({ part, message }) => {
    errors.push(`${part} died and was started again`);
    progress.note(message);
    restarts += 1;
    if (restarts > MAX_RESTARTS) {
      progress.note(`Parts have died ${restarts} times: giving up.`);
      await stack.stop();
      process.exit(1);
    }
    await stack.restart(part);
  });
}

async function waitForInterrupt(stack: Stack): Promise<void> {
  console.log("\nEverything keeps running (--keep); Ctrl-C stops it.");
  for (const { name, url } of stack.parts) {
    // The server's own URL names no database of ours.
    console.log(`  ${name.padEnd(10)} ${name === "postgres" ? stack.env.DATABASE_URL : url}`);
  }
  // The stack's own signal handler stops all and exits.
  await new Promise(() => {});
}

try {
  process.exit(await main());
} catch (error) {
  const expected =
    error instanceof UsageError || error instanceof StackError || error instanceof RefusedError;
  console.error(expected ? error.message : error);
  process.exit(error instanceof UsageError ? 2 : 1);
}
