import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { DemoReport } from "#infra/demo/report.ts";
import { loadKeys } from "#infra/stack/keys.ts";
import { projectRoot } from "#infra/stack/node-part.ts";
import { type Stack, startStack } from "#infra/stack/stack.ts";
import { newDataDir, removeFolders } from "#tests/support/stack-folders.ts";

/** A real server, where the test run names one; else a local engine of its own stands for it, as a stranger. */
const given = process.env.INNGEST_BASE_URL;
let elsewhere: Stack | undefined;
let dataDir: string;
let env: Record<string, string | undefined>;

beforeAll(async () => {
  dataDir = newDataDir();
  env = { ...process.env };
  if (given) return;
  for (const name of ["DATABASE_URL", "REDIS_URL", "INNGEST_BIN"]) vi.stubEnv(name, undefined);
  elsewhere = await startStack({ dataDir, parts: ["postgres", "redis", "engine"], handleSignals: false });
  const keys = loadKeys(join(dataDir, "keys.json"));
  env = {
    ...env,
    INNGEST_BASE_URL: elsewhere.part("engine").url,
    INNGEST_EVENT_KEY: keys.eventKey,
    INNGEST_SIGNING_KEY: keys.signingKey,
  };
});
afterAll(async () => {
  await elsewhere?.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

it("the same demo runs on an engine elsewhere, named by INNGEST_BASE_URL and its keys", {
  timeout: 180_000,
}, async () => {
  const report = join(dataDir, "report.json");
  const args = ["infra/demo/main.ts", "--rows", "250", "--report", report, "--data", join(dataDir, "demo")];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: projectRoot, env });
  expect(stdout).toContain("an Inngest server");
  const result = JSON.parse(readFileSync(report, "utf8")) as DemoReport;
  expect(result).toMatchObject({
    engine: "inngest",
    prospects: { total: 250, enriched: 250, failed: 0 },
    errors: [],
    simulated: expect.arrayContaining(["anaf", "termene", "website"]),
  });
});

it("says which key is missing", async () => {
  const args = ["infra/demo/main.ts", "--data", join(dataDir, "demo")];
  const run = promisify(execFile)(process.execPath, args, {
    cwd: projectRoot,
    env: { ...env, INNGEST_SIGNING_KEY: "" },
  });
  await expect(run).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("INNGEST_SIGNING_KEY"),
  });
});
