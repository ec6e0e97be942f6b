/**
 * `npm test`: type check, lint and all tests; ends with one line `N passed, N failed`, where type check and
 * lint count as one each. `npm test -- tests/integration/x.test.ts` runs only these tests (arguments go to vitest).
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";

type Counts = { passed: number; failed: number; skipped: number };
type Report = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: unknown[] }[];
};

const root = join(import.meta.dirname, "..");
const bin = join(root, "node_modules/.bin");
const args = process.argv.slice(2);
// The one who is interrupted last is us: what runs below gets the signal too, ends, and is counted.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => running?.kill(signal));
let running: ReturnType<typeof spawn> | null = null;

const counts: Counts[] = [];
if (args.length === 0) {
  counts.push(await check("Type check", "tsc", ["--noEmit"]));
  counts.push(await check("Lint", "biome", ["check", "."]));
}
counts.push(await tests(args));

const sum = (of: keyof Counts) => counts.reduce((total, count) => total + count[of], 0);
if (sum("skipped") > 0) console.log(`\n${sum("skipped")} skipped`);
process.exitCode = sum("failed") === 0 ? 0 : 1;
// Whoever reads this by machine looks for exactly this as the last line.
console.log(`\n${sum("passed")} passed, ${sum("failed")} failed`);

async function check(title: string, command: string, commandArgs: string[]): Promise<Counts> {
  const code = await run(command, commandArgs);
  console.log(`${title}: ${code === 0 ? "passed" : "failed"}`);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
}

async function tests(vitestArgs: string[]): Promise<Counts> {
  const file = join(root, `.local/test/report-${process.pid}.json`);
  mkdirSync(join(root, ".local/test"), { recursive: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const code = await run("vitest", ["run", ...reporters, ...vitestArgs]);
  const counted = existsSync(file) ? countsOf(JSON.parse(readFileSync(file, "utf8")) as Report) : null;
  rmSync(file, { force: true });
  if (counted === null || (code !== 0 && counted.failed === 0)) {
    console.log(`vitest ended with code ${code} although no test failed: that counts as a failure.`);
    return { passed: counted?.passed ?? 0, failed: 1, skipped: counted?.skipped ?? 0 };
  }
  if (counted.passed + counted.failed === 0) {
    console.log("No test ran: that counts as a failure.");
    return { ...counted, failed: 1 };
  }
  return counted;
}

// A test file that could not even be loaded has no tests to count: it is one failure itself.
function countsOf(report: Report): Counts {
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function run(command: string, commandArgs: string[]): Promise<number> {
  return new Promise((resolve) => {
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` };
    running = spawn(join(bin, command), commandArgs, { cwd: root, env, stdio: "inherit" });
    running.once("error", (error) => {
      console.error(`${command} could not be started: ${error.message}`);
      resolve(1);
    });
    running.once("exit", (code) => resolve(code ?? 1));
  });
}
