import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { writeSampleRegistry } from "#infra/demo/sample-registry.ts";
import { projectRoot } from "#infra/stack/node-part.ts";
import { eventually } from "#tests/support/eventually.ts";
import { type MainJob, sampleDir, startMainJob } from "#tests/support/main-job.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

/** The example of docs/adding-a-field.md, taken from there: what it says must work. */
const guide = readFileSync(join(projectRoot, "docs/adding-a-field.md"), "utf8");
const fieldFile = /```ts\n([\s\S]*?)```/.exec(guide)?.[1] ?? "";
const planLine = /^\+(.*)$/m.exec(guide)?.[1] ?? "";

let main: MainJob | undefined;
let app: ReturnType<typeof spawn> | undefined;
mkdirSync(join(projectRoot, ".local/test"), { recursive: true });
const checkout = mkdtempSync(join(projectRoot, ".local/test/toy-"));

afterAll(async () => {
  if (app && app.exitCode === null) {
    app.kill("SIGKILL");
    await eventually(() => app?.exitCode !== null || app?.signalCode !== null);
  }
  await main?.stop();
  vi.unstubAllEnvs();
  rmSync(checkout, { recursive: true, force: true });
  await removeFolders();
});

it("a new field is one new file and one line", async () => {
  withoutServiceUrls();
  main = await startMainJob();
  copyProject(checkout);
  writeFileSync(join(checkout, "functions/enrichment/fields/name-length.ts"), fieldFile);
  addLineToPlan(join(checkout, "functions/enrichment/plan.ts"));
  expect(changes(checkout)).toEqual([
    "1\t0\tfunctions/enrichment/plan.ts",
    "new functions/enrichment/fields/name-length.ts",
  ]);
  // The field is typed like any other.
  execFileSync(join(projectRoot, "node_modules/.bin/tsc"), ["--noEmit", "-p", checkout], { stdio: "pipe" });

  await main.stack.kill("app-1", "SIGKILL");
  const { env } = main.stack;
  app = spawn(process.execPath, ["src/server.ts"], { cwd: checkout, env, stdio: "ignore" });
  await eventually(async () => (await fetch(`${env.APP_URL}/readyz`)).ok, { deadlineMs: 30_000 });

  const { file } = await writeSampleRegistry({ dir: sampleDir(main.dataDir), rows: 150, seed: 3 });
  const job = await main.finished(await main.upload(file));
  expect(job).toMatchObject({
    status: "done",
    prospects: { enriched: 150 },
    fields: {
      "name-length": {
        found: 150,
        notFound: 0,
        inReview: 0,
        failed: 0,
        skipped: 0,
        ineligible: 0,
        costMicros: 0,
      },
    },
  });
  const wrong = await main.query(
    "SELECT id FROM prospects WHERE (golden->'nameLength'->>'value')::int IS DISTINCT FROM length(name)",
  );
  expect(wrong).toEqual([]);
});

function copyProject(to: string): void {
  for (const path of ["functions", "src", "db", "inngest.config.ts", "package.json"]) {
    cpSync(join(projectRoot, path), join(to, path), {
      recursive: true,
      filter: (source) => !source.endsWith(".test.ts"),
    });
  }
  const config = {
    extends: join(projectRoot, "tsconfig.json"),
    include: ["functions", "src", "db", "inngest.config.ts"],
  };
  writeFileSync(join(to, "tsconfig.json"), JSON.stringify(config));
  symlinkSync(join(projectRoot, "node_modules"), join(to, "node_modules"));
  writeFileSync(join(to, ".gitignore"), "node_modules\n");
  git(to, "init", "-q");
  git(to, "add", "-A");
  git(to, "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-qm", "as it is");
}

function addLineToPlan(plan: string): void {
  const text = readFileSync(plan, "utf8");
  writeFileSync(plan, text.replace(/^(\s*"fiscal-status": .*)$/m, `$1\n${planLine}`));
}

const git = (cwd: string, ...args: string[]) => execFileSync("git", args, { cwd, encoding: "utf8" });

/** Lines added and removed per changed file, and new files. */
function changes(cwd: string): string[] {
  const changed = git(cwd, "diff", "--numstat").trim().split("\n");
  const added = git(cwd, "ls-files", "--others", "--exclude-standard").trim().split("\n");
  return [...changed, ...added.map((file) => `new ${file}`)];
}
