/** Workspaces' own accounts at providers, with Hunter's simulator; and the rotation of the keys that they are sealed under. */
import { execFile } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sealedColumns } from "#db/queries/sealed-columns.ts";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { loadSimulatorConfig } from "#infra/simulator/config.ts";
import { HUNTER_KEY, hunterSimulator } from "#infra/simulator/hunter/app.ts";
import { type RunningSimulator, startSimulator } from "#infra/simulator/server.ts";
import { loadConfig } from "#src/config.ts";
import { closeDeps, createDeps, type Deps } from "#src/deps.ts";
import { createApp } from "#src/http/app.ts";
import { inNameOf } from "#src/platform/provider-accounts.ts";
import { rotateSecrets } from "#src/platform/rotation.ts";
import { createVault, type RootKey, rootKeysSchema } from "#src/platform/vault.ts";
import { testEnv } from "#tests/support/config.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";
import { createContext } from "#tests/support/gateways.ts";
import { asService, TEST_SECRET_KEYS } from "#tests/support/secret-keys.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

let database: TestDatabase;
let owner: pg.Client;
let simulator: RunningSimulator;
let env: Record<string, string>;
let deps: Deps;
/** Another process of the same app. */
let replica: Deps;
let app: ReturnType<typeof createApp>;
let workspaceId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
  simulator = await startSimulator(
    loadSimulatorConfig({
      SIMULATOR_HUNTER_LATENCY_MS: "5",
      SIMULATOR_HUNTER_JITTER_MS: "0",
      SIMULATOR_HUNTER_LIMITED: "0",
      SIMULATOR_HUNTER_KNOWN_PCT: "100",
    }),
  );
  env = {
    ...testEnv(database.url),
    ...hunterSimulator.create().env(`${simulator.url}/hunter`),
    HUNTER_API_KEY: "the-installation-has-a-wrong-key",
  };
  deps = createDeps(loadConfig(env));
  replica = createDeps(loadConfig(env));
  app = createApp(deps, {
    functions: [],
    plan: { fields: [], stages: [], maxOutstanding: new Map() },
    sources: new Map(),
    isSynced: () => true,
    metricsText: async () => "",
  });
});
afterAll(async () => {
  await Promise.all([closeDeps(deps), closeDeps(replica)]);
  await simulator.stop();
  await owner.end();
  await database.drop();
});
beforeEach(async () => {
  workspaceId = await seedWorkspace(database.url);
  await blockOf(deps, "environment")?.clear();
});

const request = async (method: string, path: string, body?: unknown) => {
  const headers = { ...asService, "x-workspace-id": workspaceId, "content-type": "application/json" };
  const init = body ? { body: JSON.stringify(body) } : {};
  const response = await app.request(`/api/v1${path}`, { method, headers, ...init });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) };
};
const put = (apiKey: string, more = {}) =>
  request("PUT", "/credentials/hunter", { credentials: { apiKey }, ...more });
const hunterState = async () =>
  (await request("GET", "/providers")).body.data.find(({ slug }: { slug: string }) => slug === "hunter");
const blockOf = ({ providerRuntimes }: Deps, credentials: string) =>
  providerRuntimes.find((each) => each.slug === "hunter" && each.credentials === credentials)?.block;

let cui = 21_000_000;
/** Asks Hunter about a domain that nobody has asked about yet, in the workspace's name. */
async function ask(process: Deps): Promise<string | undefined> {
  let domain: string | null = null;
  while (domain === null) domain = simulatedCompany(cui++).domain;
  const prospectId = randomUUID();
  const context = await createContext(process.db, {}, workspaceId);
  const { providers } = await inNameOf(process, workspaceId);
  const results = await providers.hunter?.domainSearch.lookup(context, [{ prospectId, subject: domain }]);
  return results?.get(prospectId)?.status;
}

describe("a workspace's own credentials", () => {
  it("are used for it, and no other's: not those of the installation, nor its block", async () => {
    expect(await ask(deps)).toBe("unavailable"); // the installation's key is wrong, which blocks it
    expect(await hunterState()).toMatchObject({
      credentials: "environment",
      live: false,
      blocked: { reason: "unauthorized" },
    });
    expect((await put(HUNTER_KEY)).status).toBe(200);
    expect(await ask(deps)).toBe("found");
    expect(await hunterState()).toMatchObject({ credentials: "workspace", on: true, blocked: null });
    workspaceId = await seedWorkspace(database.url);
    expect(await ask(deps)).toBe("unavailable");
  });

  it("are used by other replicas five seconds later, and no more when they were deleted", async () => {
    expect(await ask(replica)).toBe("unavailable");
    await put(HUNTER_KEY);
    const seenAfter = async (status: string) => {
      const startedAt = performance.now();
      await eventually(async () => (await ask(replica)) === status, { deadlineMs: 15_000, everyMs: 200 });
      return performance.now() - startedAt;
    };
    expect(await seenAfter("found")).toBeLessThan(7_000);
    expect((await request("DELETE", "/credentials/hunter")).status).toBe(200);
    expect(await ask(deps)).toBe("unavailable");
    expect(await seenAfter("unavailable")).toBeLessThan(7_000);
    expect((await request("DELETE", "/credentials/hunter")).status).toBe(404);
  });

  it("that do not open switch the provider off: nobody else pays", async () => {
    await put(HUNTER_KEY);
    const keys = `k1:${randomBytes(32).toString("base64")}`;
    const other = createDeps(loadConfig({ ...env, SECRET_KEYS: keys }));
    const { providers, providerRuntimes } = await inNameOf(other, workspaceId);
    expect(providers.hunter).toBeUndefined();
    expect(providerRuntimes.find(({ slug }) => slug === "hunter")).toMatchObject({
      credentials: "unreadable",
      operations: null,
    });
    await closeDeps(other);
  });
});

describe("/credentials", () => {
  it("shows the last four characters, and keeps the rest sealed", async () => {
    const answer = await put("a-secret-key-of-hunter-7F3a");
    expect(answer.body.data).toMatchObject({ provider: "hunter", own: { lastFour: { apiKey: "7F3a" } } });
    const { body, text } = await request("GET", "/credentials");
    expect(body.data.map(({ provider }: { provider: string }) => provider)).not.toContain("anaf");
    expect(body.data).toContainEqual({
      provider: "twilio",
      parts: ["apiKeySid", "apiKeySecret"],
      own: null,
    });
    expect(text).toContain("7F3a");
    for (const each of [answer.text, text]) expect(each).not.toContain("a-secret");
    const { rows } = await owner.query("SELECT * FROM provider_credentials WHERE workspace_id = $1", [
      workspaceId,
    ]);
    expect(JSON.stringify(rows)).not.toContain("a-secret");
  });

  it("shows nothing of what is short", async () => {
    expect((await put("short")).body.data.own.lastFour).toEqual({ apiKey: null });
  });

  it.each([
    ["a part missing", {}],
    ["a part too many", { apiKey: "good-secret-key", secret: "other-secret" }],
    ["an empty one", { apiKey: "" }],
    ["a line break, which would end a header", { apiKey: "bad-secret\r\nx: y" }],
    ["what no header can carry", { apiKey: "bad-secret-ț" }],
  ])("refuses %s, without repeating it", async (_, credentials) => {
    const answer = await request("PUT", "/credentials/hunter", { credentials });
    expect(answer).toMatchObject({ status: 422, body: { error: { code: "invalid_credentials" } } });
    expect(answer.text).not.toContain("secret");
    expect((await request("GET", "/credentials/hunter")).body.data.own).toBeNull();
  });

  it("asks the provider first, if wanted, and does not store what that refuses", async () => {
    expect(await put("a-key-that-nobody-has", { check: true })).toMatchObject({
      status: 422,
      body: { error: { code: "credentials_refused", field: "credentials" } },
    });
    expect((await request("GET", "/credentials/hunter")).body.data.own).toBeNull();
    const { body } = await put(HUNTER_KEY, { check: true });
    expect(body.data.own).toMatchObject({ checkedAt: expect.any(String), checkError: null });
  });

  it("notes what a later check comes to", async () => {
    await put("a-key-that-nobody-has");
    expect((await request("POST", "/providers/hunter/check")).body.data).toMatchObject({ healthy: false });
    const { body } = await request("GET", "/credentials/hunter");
    expect(body.data.own).toMatchObject({ checkedAt: expect.any(String), checkError: "unauthorized" });
  });

  it("knows no credentials of providers that want none, or that there are not", async () => {
    for (const provider of ["anaf", "nobody"]) {
      expect((await request("GET", `/credentials/${provider}`)).status).toBe(404);
      expect((await request("PUT", `/credentials/${provider}`, { credentials: {} })).status).toBe(404);
    }
  });
});

const keysOf = (keys: readonly RootKey[]) =>
  keys.map(({ id, key }) => `${id}:${key.toString("base64")}`).join(",");

describe("rotation", () => {
  it("knows every column that holds something sealed", async () => {
    const { rows } = await owner.query<{ table: string; column: string }>(`
      SELECT table_name AS table, column_name AS column FROM information_schema.columns
      WHERE table_schema = 'public' AND data_type = 'text' AND column_name ~ '(sealed|secret)$'`);
    expect(rows.length).toBeGreaterThan(0);
    const known = sealedColumns.map(({ table, column }) => `${table}.${column}`);
    expect(known).toEqual(expect.arrayContaining(rows.map(({ table, column }) => `${table}.${column}`)));
  });

  it("seals everything under the current key, goes on where it was stopped, and says what does not open", async () => {
    await owner.query("TRUNCATE provider_credentials");
    const { vault, db } = deps;
    const placeOf = (workspaceId: string) => ({ workspaceId, field: "provider_credentials.sealed:hunter" });
    const workspaces: string[] = [];
    for (let n = 0; n < 3; n++) {
      workspaceId = await seedWorkspace(database.url);
      workspaces.push(workspaceId);
      await put(`secret-of-workspace-${n}`);
    }
    const lost = createVault([{ id: "lost", key: randomBytes(32) }]);
    const [, , third = ""] = workspaces;
    await owner.query("UPDATE provider_credentials SET sealed = $1 WHERE workspace_id = $2", [
      lost.seal(placeOf(third), "{}"),
      third,
    ]);
    const keys = rootKeysSchema.parse(`k2:${randomBytes(32).toString("base64")},${TEST_SECRET_KEYS}`);
    const next = createVault(keys);

    // Stopped after the first.
    const [first = ""] = workspaces;
    await owner.query("UPDATE provider_credentials SET sealed = $1 WHERE workspace_id = $2", [
      next.seal(placeOf(first), JSON.stringify({ apiKey: "secret-of-workspace-0" })),
      first,
    ]);
    const unreadable = [expect.stringMatching(/^provider_credentials\.sealed [0-9a-f-]{36}$/)];
    const left = new Map([
      ["k2", 2],
      ["lost", 1],
    ]);
    expect(await rotateSecrets(db, next)).toEqual({ resealed: 1, unreadable, left });
    expect(await rotateSecrets(db, next)).toEqual({ resealed: 0, unreadable, left });

    const command = await promisify(execFile)(process.execPath, ["infra/vault/rotate.ts"], {
      env: { DATABASE_URL: database.url, SECRET_KEYS: keysOf(keys) },
    }).catch((error: { code: number; stdout: string; stderr: string }) => error);
    expect(command).toMatchObject({
      code: 1,
      stdout: "Sealed anew under k2: 0.\nUnder k2: 2.\nUnder k1: 0.\nMay be dropped: k1.\n",
      stderr: expect.stringMatching(/^Does not open with SECRET_KEYS: provider_credentials\.sealed \S+\n$/),
    });

    // The old key is not needed any more.
    const { rows } = await owner.query<{ id: string; sealed: string }>(
      "SELECT workspace_id AS id, sealed FROM provider_credentials WHERE workspace_id <> $1 ORDER BY id",
      [third],
    );
    const opened = rows.map(({ id, sealed }) => createVault(keys.slice(0, 1)).open(placeOf(id), sealed));
    expect(opened).toEqual(['{"apiKey":"secret-of-workspace-0"}', '{"apiKey":"secret-of-workspace-1"}']);
    expect(() => vault.open(placeOf(first), rows[0]?.sealed ?? "")).toThrow("a key that SECRET_KEYS");
  });
});
