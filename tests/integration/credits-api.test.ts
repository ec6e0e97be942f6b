import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bearer, makeUser, signInAs, startApi, type TestApi } from "#tests/support/api.ts";
import { asService } from "#tests/support/secret-keys.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

let api: TestApi;
let headers: Record<string, string>;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());
beforeEach(async () => {
  headers = { ...asService, "x-workspace-id": await seedWorkspace(api.database.url) };
});

const get = (path: string) => api.request("GET", path, { headers });
const post = (path: string, amountMicros: number, reference: string) =>
  api.request("POST", path, { headers, body: { amountMicros, reference } });

describe("/credits", () => {
  it("are unlimited until the first grant", async () => {
    expect(await get("/credits")).toMatchObject({ status: 200, body: { data: null } });
    expect(await post("/credits/grants", 5_000_000, "invoice 1")).toMatchObject({
      status: 201,
      body: { data: { balanceMicros: 5_000_000, reservedMicros: 0 } },
    });
    expect((await get("/credits")).body.data).toEqual({ balanceMicros: 5_000_000, reservedMicros: 0 });
  });

  it("count a reference once, and refuse it with another amount", async () => {
    await post("/credits/grants", 100, "invoice 1");
    expect((await post("/credits/grants", 100, "invoice 1")).body.data.balanceMicros).toBe(100);
    expect(await post("/credits/grants", 101, "invoice 1")).toMatchObject({
      status: 409,
      body: { error: { code: "reference_used" } },
    });
  });

  it("are corrected up and down, never below zero", async () => {
    await post("/credits/grants", 100, "invoice 1");
    expect((await post("/credits/adjustments", -40, "too much")).body.data.balanceMicros).toBe(60);
    expect(await post("/credits/adjustments", -61, "far too much")).toMatchObject({
      status: 402,
      body: { error: { code: "insufficient_credits" } },
    });
    expect((await post("/credits/adjustments", 0, "nothing")).status).toBe(422);
    expect((await post("/credits/grants", -1, "invoice 2")).status).toBe(422);
    expect((await get("/credits")).body.data.balanceMicros).toBe(60);
  });

  it("have a ledger, the newest first, page by page", async () => {
    for (const number of [1, 2, 3]) await post("/credits/grants", number, `invoice ${number}`);
    const first = await get("/credits/ledger?limit=2");
    expect(first.body.data).toMatchObject([
      { kind: "grant", balanceMicros: 3, reference: "invoice 3", createdBy: expect.any(String) },
      { kind: "grant", balanceMicros: 2 },
    ]);
    const next = await get(`/credits/ledger?limit=2&cursor=${first.body.meta.nextCursor}`);
    expect(next.body).toMatchObject({ data: [{ balanceMicros: 1 }], meta: { nextCursor: null } });
  });

  it("say whether the ledger adds up to them", async () => {
    await post("/credits/grants", 100, "invoice 1");
    expect((await get("/credits/verification")).body.data).toEqual({ balanced: true });
    const owner = new pg.Client({ connectionString: api.database.url });
    await owner.connect();
    await owner.query("ALTER TABLE credit_accounts DISABLE TRIGGER credit_accounts_ledger_only");
    await owner.query("UPDATE credit_accounts SET balance_micros = 101 WHERE workspace_id = $1", [
      headers["x-workspace-id"],
    ]);
    await owner.query("ALTER TABLE credit_accounts ENABLE TRIGGER credit_accounts_ledger_only");
    await owner.end();
    expect((await get("/credits/verification")).body.data).toEqual({ balanced: false });
  });

  it("are each workspace's own", async () => {
    await post("/credits/grants", 100, "invoice 1");
    headers = { ...asService, "x-workspace-id": await seedWorkspace(api.database.url) };
    expect((await get("/credits")).body.data).toBeNull();
    expect((await get("/credits/ledger")).body.data).toEqual([]);
    await post("/credits/grants", 7, "invoice 1");
    expect((await get("/credits")).body.data.balanceMicros).toBe(7);
  });

  it("are granted by owners and services only", async () => {
    const { id } = await makeUser(api, { role: "admin" });
    headers = bearer((await signInAs(api, id)).accessToken);
    expect((await get("/credits")).status).toBe(200);
    expect((await post("/credits/grants", 100, "invoice 1")).status).toBe(403);
    expect((await post("/credits/adjustments", 100, "more")).status).toBe(403);
  });
});
