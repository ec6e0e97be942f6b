/** The service key, invitations, members, API keys and workspaces, over the API. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import type { Role } from "#src/domain/access/principal.ts";
import {
  type Answer,
  bearer,
  someone as makeSomeone,
  makeUser,
  PASSWORD,
  startApi,
  type TestApi,
} from "#tests/support/api.ts";
import { asService } from "#tests/support/secret-keys.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

let api: TestApi;
let owner: pg.Client;
/** How far the app's clock is ahead. */
let aheadMs = 0;

beforeAll(async () => {
  api = await startApi({ now: () => new Date(Date.now() + aheadMs) });
  owner = new pg.Client({ connectionString: api.database.url });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await api.stop();
});

const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  api.request("POST", path, { body, headers });
const get = (path: string, headers: Record<string, string>) => api.request("GET", path, { headers });
const signIn = (email: string, more: object = {}) =>
  post("/auth/sign-in", { email, password: PASSWORD, ...more });
const refresh = (refreshToken: string, more: object = {}) => post("/auth/refresh", { refreshToken, ...more });
const someone = (role: Role, workspaceId?: string) => makeSomeone(api, role, workspaceId);
async function makeWorkspace(slug: string): Promise<string> {
  const made = await post("/workspaces", { slug, name: "Another" }, asService);
  return made.body.data.id;
}
const actionsIn = async (workspaceId: string) => {
  const { rows } = await owner.query<{ action: string }>(
    "SELECT action FROM audit_entries WHERE workspace_id = $1 ORDER BY seq",
    [workspaceId],
  );
  return rows.map(({ action }) => action);
};

describe("the service key", () => {
  it("opens the API, in the workspace that it names", async () => {
    const workspaceId = await makeWorkspace("of-the-service");
    expect((await get("/auth/me", asService)).body.data).toMatchObject({
      kind: "service",
      role: "owner",
      workspaceId: DEFAULT_WORKSPACE_ID,
    });
    const there = await get("/auth/me", { ...asService, "X-Workspace-Id": workspaceId });
    expect(there.body.data.workspaceId).toBe(workspaceId);
    for (const odd of ["none", "019de9a2-0000-7000-8000-000000000000", "' OR 1=1"]) {
      const { status, body } = await get("/auth/me", { ...asService, "X-Workspace-Id": odd });
      expect([status, body.error.code]).toEqual([404, "workspace_not_found"]);
    }
  });

  it("is refused when it is another, and nothing is open without one", async () => {
    const wrong: Record<string, string>[] = [
      {},
      { "X-Service-Key": "another-key-that-is-long-enough-0000" },
      { "X-Service-Key": "" },
    ];
    for (const headers of wrong) {
      expect((await get("/auth/me", headers)).status).toBe(401);
    }
  });

  it("may be the former one, while it is changed", async () => {
    const former = "the-former-service-key-0123456789abc";
    const changed = await startApi({ env: { SERVICE_KEY_PREVIOUS: former } });
    try {
      for (const headers of [asService, { "X-Service-Key": former }]) {
        expect((await changed.request("GET", "/auth/me", { headers })).status).toBe(200);
      }
    } finally {
      await changed.stop();
    }
  });
});

describe("npm run invite", () => {
  const run = promisify(execFile);
  const invite = (...args: string[]) =>
    run(process.execPath, [join(import.meta.dirname, "../../infra/access/invite.ts"), ...args], {
      env: { ...process.env, DATABASE_URL: api.database.url },
    });

  it("lets in the first owner of a fresh installation", async () => {
    const { stdout } = await invite("--email", "Prima@Example.ro", "--role", "owner");
    const token = /"token": "(cqi_[^"]+)"/.exec(stdout)?.[1];
    const accepted = await post("/auth/accept-invitation", { token, name: "Prima", password: PASSWORD });
    expect(accepted.body.data).toMatchObject({ workspaceId: DEFAULT_WORKSPACE_ID, role: "owner" });
    expect((await signIn("prima@example.ro")).status).toBe(200);
  });

  it("says in a sentence what is wrong", async () => {
    const args = ["--email", "x@example.ro", "--role", "owner"];
    for (const [given, sentence] of [
      [["--email", "nobody"], "--email takes"],
      [["--email", "x@example.ro", "--role", "god"], "--role takes one of owner"],
      [[...args, "--workspace", "nowhere"], "There is no workspace nowhere."],
    ] as const) {
      await expect(invite(...given)).rejects.toMatchObject({
        code: 2,
        stderr: expect.stringContaining(sentence),
      });
    }
  });
});

describe("invitations", () => {
  it("make a user, once, who can sign in", async () => {
    const invited = await post(
      "/invitations",
      { email: " Ion.Popescu@Example.ro ", role: "operator" },
      asService,
    );
    expect(invited.status).toBe(201);
    const { token, id } = invited.body.data;
    const listed = await get("/invitations", asService);
    expect(listed.body.data).toContainEqual(expect.objectContaining({ id, email: "ion.popescu@example.ro" }));
    const acceptance = { token, name: "Ion Popescu", password: PASSWORD };
    const accepted = await post("/auth/accept-invitation", acceptance);
    expect(accepted.body.data).toMatchObject({ workspaceId: DEFAULT_WORKSPACE_ID, role: "operator" });
    expect((await post("/auth/accept-invitation", acceptance)).status).toBe(404);

    const signedIn = await signIn("ION.popescu@example.ro");
    expect(signedIn.body.data).toMatchObject({ role: "operator", expiresInSeconds: 900 });
    expect(signedIn.headers.get("cache-control")).toBe("no-store");
    const me = await get("/auth/me", bearer(signedIn.body.data.accessToken));
    expect(me.body.data).toMatchObject({
      kind: "user",
      id: accepted.body.data.userId,
      user: { email: "ion.popescu@example.ro", name: "Ion Popescu", hasTotp: false },
    });
    const again = await post("/invitations", { email: "ion.popescu@example.ro", role: "viewer" }, asService);
    expect([again.status, again.body.error.code]).toEqual([409, "already_a_member"]);
  });

  it("end when they are taken back, replaced by another, or a week old", async () => {
    const invite = async () =>
      (await post("/invitations", { email: "maria@example.ro", role: "viewer" }, asService)).body.data;
    const accept = async ({ token }: { token: string }) =>
      (await post("/auth/accept-invitation", { token, name: "Maria", password: PASSWORD })).status;
    const replaced = await invite();
    const revoked = await invite();
    expect(await accept(replaced)).toBe(404);
    expect((await api.request("DELETE", `/invitations/${revoked.id}`, { headers: asService })).status).toBe(
      200,
    );
    expect(await accept(revoked)).toBe(404);
    const old = await invite();
    aheadMs = 7 * DAY_MS + 1000;
    expect(await accept(old)).toBe(404);
    aheadMs = 0;
    expect(await accept(old)).toBe(200);
  });

  it("make one who has an account a member, if they prove that it is theirs", async () => {
    const user = await makeUser(api, { role: "viewer" });
    const workspaceId = await makeWorkspace("second");
    const there = { ...asService, "X-Workspace-Id": workspaceId };
    const { token } = (await post("/invitations", { email: user.email, role: "admin" }, there)).body.data;
    const accept = (password: string) => post("/auth/accept-invitation", { token, name: "x", password });
    expect((await accept("another password")).status).toBe(401);
    expect((await accept(PASSWORD)).body.data).toEqual({ userId: user.id, workspaceId, role: "admin" });

    const { accessToken, refreshToken } = (await signIn(user.email)).body.data;
    expect((await get("/auth/me", bearer(accessToken))).body.data.workspaceId).toBe(DEFAULT_WORKSPACE_ID);
    const moved = (await refresh(refreshToken, { workspaceId })).body.data;
    expect((await get("/auth/me", bearer(moved.accessToken))).body.data).toMatchObject({
      workspaceId,
      role: "admin",
    });
    const workspaces = (await get("/workspaces", bearer(moved.accessToken))).body.data;
    expect(workspaces.map(({ slug }: { slug: string }) => slug).sort()).toEqual(["default", "second"]);
    expect(await actionsIn(workspaceId)).toEqual([
      "invitation.made",
      "invitation.accepted",
      "session.entered",
    ]);
  });

  it("are for no more than the inviter may", async () => {
    const admin = await someone("admin");
    const { status, body } = await post(
      "/invitations",
      { email: "x@example.ro", role: "owner" },
      admin.headers,
    );
    expect([status, body.error.code]).toEqual([403, "above_own_role"]);
  });
});

describe("members", () => {
  it("are listed without anything that a sign-in could be made of", async () => {
    const admin = await someone("admin");
    const { body } = await get("/users?limit=200", admin.headers);
    expect(body.data).toContainEqual(
      expect.objectContaining({ id: admin.id, email: admin.email, role: "admin" }),
    );
    expect(JSON.stringify(body)).not.toMatch(/argon2|password|secret|recovery/i);
  });

  it("have another role from their next request on, and what they gave out for more is revoked", async () => {
    const admin = await someone("admin");
    const other = await someone("owner");
    const key = (role: string) => post("/api-keys", { name: role, role }, admin.headers);
    const invited = await post(
      "/invitations",
      { email: "way-back@example.ro", role: "admin" },
      admin.headers,
    );
    const [strong, weak] = [await key("admin"), await key("viewer")];
    const demoted = await api.request("PATCH", `/users/${admin.id}`, {
      body: { role: "sales" },
      headers: other.headers,
    });
    expect(demoted.body.data).toEqual({
      id: admin.id,
      role: "sales",
      revokedApiKeys: 1,
      revokedInvitations: 1,
    });
    const comeBack = { token: invited.body.data.token, name: "x", password: PASSWORD };
    expect((await post("/auth/accept-invitation", comeBack)).status).toBe(404);
    expect((await get("/auth/me", admin.headers)).body.data.role).toBe("sales");
    expect((await get("/users", admin.headers)).status).toBe(403);
    expect((await get("/auth/me", bearer(strong.body.data.key))).status).toBe(401);
    expect((await get("/auth/me", bearer(weak.body.data.key))).status).toBe(200);
  });

  it("are out at once when they are removed, with the keys that they have made", async () => {
    const [admin, other] = [await someone("admin"), await someone("admin")];
    const { key } = (await post("/api-keys", { name: "mine", role: "viewer" }, admin.headers)).body.data;
    const removed = await api.request("DELETE", `/users/${admin.id}`, { headers: other.headers });
    expect(removed.body.data).toEqual({ id: admin.id, revokedApiKeys: 1, revokedInvitations: 0 });
    expect((await get("/auth/me", admin.headers)).status).toBe(401);
    expect((await get("/auth/me", bearer(key))).status).toBe(401);
    expect((await refresh(admin.refreshToken)).status).toBe(403);
    expect((await api.request("DELETE", `/users/${admin.id}`, { headers: other.headers })).status).toBe(404);
  });

  it("keep an owner, also when two demote each other at the same time", async () => {
    const workspaceId = await makeWorkspace("two-owners");
    const [one, two] = [await someone("owner", workspaceId), await someone("owner", workspaceId)];
    const demote = (who: typeof one, whom: typeof one) =>
      api.request("PATCH", `/users/${whom.id}`, { body: { role: "viewer" }, headers: who.headers });
    const statuses = (await Promise.all([demote(one, two), demote(two, one)]))
      .map(({ status }) => status)
      .sort();
    // The second of them finds itself demoted, or the last owner.
    expect(statuses[0]).toBe(200);
    expect([403, 409]).toContain(statuses[1]);
    const { rows } = await owner.query("SELECT role FROM memberships WHERE workspace_id = $1", [workspaceId]);
    expect(rows.map(({ role }) => role).sort()).toEqual(["owner", "viewer"]);
    const left = await api.request("DELETE", `/users/${two.id}`, {
      headers: { ...asService, "X-Workspace-Id": workspaceId },
    });
    const right = await api.request("DELETE", `/users/${one.id}`, {
      headers: { ...asService, "X-Workspace-Id": workspaceId },
    });
    expect([left.status, right.status].sort()).toEqual([200, 409]);
  });
});

describe("API keys", () => {
  it("are shown once, work as their role within their scopes, and end when they are revoked", async () => {
    const admin = await someone("admin");
    const wanted = { name: "reads jobs", role: "operator", scopes: ["merges:read"], requestsPerMinute: 30 };
    const { id, key } = (await post("/api-keys", wanted, admin.headers)).body.data;
    expect(key).toMatch(/^cq_live_[0-9A-Za-z]{49}$/);
    const { rows } = await owner.query("SELECT * FROM api_keys WHERE id = $1", [id]);
    expect(JSON.stringify(rows)).not.toContain(key);
    const merges = await get("/merges", bearer(key));
    expect(merges.status).toBe(200);
    expect(merges.headers.get("ratelimit-limit")).toBe("30");
    const beyond = await get("/jobs", bearer(key));
    expect([beyond.status, beyond.body.error.code]).toEqual([403, "scope_missing"]);
    const listed = (await get("/api-keys", admin.headers)).body.data;
    expect(listed).toContainEqual(
      expect.objectContaining({
        id,
        last4: key.slice(-4),
        scopes: ["merges:read"],
        lastUsedAt: expect.any(String),
      }),
    );
    expect(JSON.stringify(listed)).not.toContain(key);
    expect((await api.request("DELETE", `/api-keys/${id}`, { headers: admin.headers })).status).toBe(200);
    expect((await get("/merges", bearer(key))).status).toBe(401);
  });

  it("write down their use once a minute", async () => {
    const { id, key } = (await post("/api-keys", { name: "busy", role: "viewer" }, asService)).body.data;
    const usedAfter = async (ms: number) => {
      aheadMs = ms;
      await get("/auth/me", bearer(key));
      aheadMs = 0;
      const { rows } = await owner.query<{ at: Date }>(
        "SELECT last_used_at AS at FROM api_keys WHERE id = $1",
        [id],
      );
      return rows[0]?.at.getTime();
    };
    const first = await usedAfter(0);
    expect(await usedAfter(30_000)).toBe(first);
    expect(await usedAfter(61_000)).toBeGreaterThan(first as number);
  });

  it("end at their time", async () => {
    const expiresAt = new Date(Date.now() + 10 * MINUTE_MS).toISOString();
    const { key } = (await post("/api-keys", { name: "short", role: "viewer", expiresAt }, asService)).body
      .data;
    expect((await get("/auth/me", bearer(key))).status).toBe(200);
    aheadMs = 11 * MINUTE_MS;
    expect((await get("/auth/me", bearer(key))).status).toBe(401);
    aheadMs = 0;
  });

  it("may do no more than who makes them, and have scopes that there are", async () => {
    const admin = await someone("admin");
    const make = async (body: object, headers = admin.headers) => {
      const made = await post("/api-keys", { name: "x", ...body }, headers);
      return made.body.error?.code ?? made.body.data.key;
    };
    expect(await make({ role: "owner" })).toBe("above_own_role");
    expect(await make({ role: "viewer", scopes: ["shoes:read"] })).toBe("unknown_scope");
    const confined = await make({ role: "admin", scopes: ["api-keys:write", "jobs:read"] });
    expect(await make({ role: "admin", scopes: ["users:write"] }, bearer(confined))).toBe("above_own_role");
    expect(await make({ role: "viewer" }, bearer(confined))).toBe("above_own_role");
    expect(await make({ role: "viewer", scopes: ["jobs:read"] }, bearer(confined))).toMatch(/^cq_live_/);
  });

  it("have no session, no password and no workspace of their own to make", async () => {
    const { key } = (await post("/api-keys", { name: "all", role: "owner" }, asService)).body.data;
    for (const [path, body] of [
      ["/auth/sign-out", undefined],
      ["/auth/password", { currentPassword: PASSWORD, newPassword: PASSWORD }],
      ["/workspaces", { slug: "mine", name: "Mine" }],
    ] as const) {
      expect((await post(path, body, bearer(key))).status, path).toBe(403);
    }
  });
});

describe("workspaces", () => {
  it("are made by owners, who own what they make", async () => {
    const user = await someone("owner");
    const made = await post("/workspaces", { slug: "founded", name: "Founded" }, user.headers);
    expect(made.status).toBe(201);
    const taken = await post("/workspaces", { slug: "founded", name: "Again" }, user.headers);
    expect([taken.status, taken.body.error.code]).toEqual([409, "slug_taken"]);
    const moved = (await refresh(user.refreshToken, { workspaceId: made.body.data.id })).body.data;
    expect(moved).toMatchObject({ workspaceId: made.body.data.id, role: "owner" });
  });
});
