/** Attacks on access: forged tokens, replays, other workspaces' ids, more fields than asked for, guessing. */
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { SignJWT } from "jose";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inAccess, inWorkspace } from "#db/client.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import {
  type Answer,
  bearer,
  makeUser,
  PASSWORD,
  signInAs,
  startApi,
  type TestApi,
} from "#tests/support/api.ts";
import { seedEnriched } from "#tests/support/merges.ts";
import { asService } from "#tests/support/secret-keys.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

let api: TestApi;
let owner: pg.Client;

beforeAll(async () => {
  api = await startApi();
  owner = new pg.Client({ connectionString: api.database.url });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await api.stop();
});

const me = (token: string) => api.request("GET", "/auth/me", { headers: bearer(token) });
const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  api.request("POST", path, { body, headers });

describe("a forged access token", () => {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const seconds = () => Math.floor(Date.now() / 1000);

  interface Forgery {
    header?: Record<string, unknown>;
    claims?: Record<string, unknown>;
    key?: Uint8Array | ReturnType<typeof generateKeyPairSync>["privateKey"];
  }
  /** A token that is right in all but what is given. */
  async function forge({ header = {}, claims = {}, key }: Forgery = {}): Promise<string> {
    const [current] = api.deps.vault.derive("access-token");
    const payload = { ...(await rightClaims()), ...claims };
    return new SignJWT(payload)
      .setProtectedHeader({ alg: "HS256", kid: current?.id, typ: "at+jwt", ...header })
      .sign(key ?? (current?.key as Buffer));
  }
  async function rightClaims() {
    const user = await makeUser(api, { role: "viewer" });
    const { sessionId } = await signInAs(api, user.id);
    return {
      iss: "cerniq",
      aud: "cerniq-api",
      sub: user.id,
      sid: sessionId,
      workspace: DEFAULT_WORKSPACE_ID,
      role: "viewer",
      iat: seconds(),
      exp: seconds() + 900,
    };
  }
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const otherPurpose = () => api.deps.vault.derive("refresh-token")[0]?.key as Buffer;

  it("would be accepted, were it not forged", async () => {
    expect((await me(await forge())).status).toBe(200);
  });

  it.each<[string, () => Promise<string>]>([
    ["that is signed with RSA", () => forge({ header: { alg: "RS256" }, key: rsa.privateKey })],
    ["of another HMAC, by the right key", () => forge({ header: { alg: "HS512" } })],
    ["by a key of another purpose", () => forge({ key: otherPurpose() })],
    ["by the key's id as key", () => forge({ key: Buffer.from("k1".padEnd(32, "\0")) })],
    ["of an unknown key", () => forge({ header: { kid: "k9" } })],
    ["whose key's id is a path", () => forge({ header: { kid: "../../../../dev/null" } })],
    ["whose key's id is SQL", () => forge({ header: { kid: "k1' UNION SELECT 'x" } })],
    ["without a key's id", () => forge({ header: { kid: undefined } })],
    [
      "that brings its key along",
      () => forge({ header: { jwk: rsa.publicKey.export({ format: "jwk" }), kid: "k9" } }),
    ],
    [
      "that says where its key is",
      () => forge({ header: { jku: "https://attacker.example/jwks.json", kid: "k9" } }),
    ],
    ["of another type", () => forge({ header: { typ: "JWT" } })],
    ["that has expired", () => forge({ claims: { iat: seconds() - 1000, exp: seconds() - 100 } })],
    [
      "that lasts longer than ours",
      () => forge({ claims: { iat: seconds() - 1000, exp: seconds() + 86_400 } }),
    ],
    ["that never expires", () => forge({ claims: { exp: undefined } })],
    ["that says nothing of its age", () => forge({ claims: { iat: undefined } })],
    ["for another audience", () => forge({ claims: { aud: "another-api" } })],
    ["of another issuer", () => forge({ claims: { iss: "https://attacker.example" } })],
    [
      "of another user's session",
      async () => forge({ claims: { sub: (await makeUser(api, { role: "owner" })).id } }),
    ],
    ["of a session that never was", () => forge({ claims: { sid: randomUUID() } })],
    [
      "for a workspace of others",
      async () => forge({ claims: { workspace: await seedWorkspace(api.database.url) } }),
    ],
    ["whose ids are none", () => forge({ claims: { sub: "' OR ''='" } })],
  ])("%s is refused", async (_, token) => {
    const answer = await me(await token());
    expect([answer.status, answer.body.error.code]).toEqual([401, "unauthorized"]);
  });

  it.each(["none", "None", "nOnE", "NONE", ""])("without a signature (alg %o) is refused", async (alg) => {
    const [header, payload] = [encode({ alg, typ: "at+jwt", kid: "k1" }), encode(await rightClaims())];
    for (const token of [`${header}.${payload}.`, `${header}.${payload}`]) {
      expect((await me(token)).status).toBe(401);
    }
  });

  it("that gives itself another role has the one that it has", async () => {
    const answer = await me(await forge({ claims: { role: "owner" } }));
    expect(answer.body.data.role).toBe("viewer");
  });

  it("whose claims were changed beneath their signature is refused", async () => {
    const [header, , signature] = (await forge()).split(".");
    const claims = { ...(await rightClaims()), role: "owner" };
    expect((await me(`${header}.${encode(claims)}.${signature}`)).status).toBe(401);
  });

  it("that is none at all is refused, whatever it is", async () => {
    const user = await makeUser(api, { role: "owner" });
    const { refreshToken } = await signInAs(api, user.id);
    const made = await post("/api-keys", { name: "x", role: "owner" }, asService);
    const { rows } = await owner.query("SELECT key_sha256 FROM api_keys WHERE id = $1", [made.body.data.id]);
    const odd = [
      "x",
      "a.b.c",
      "..",
      refreshToken,
      rows[0].key_sha256,
      `cq_live_${"0".repeat(49)}`,
      "x".repeat(5000),
    ];
    for (const token of odd) expect((await me(token)).status, token).toBe(401);
    for (const authorization of ["Bearer", "Basic b3duZXI6eA==", "bearer a b", ""]) {
      const answer = await api.request("GET", "/auth/me", { headers: { authorization } });
      expect(answer.status, authorization).toBe(401);
    }
  });

  it("does not stand in for a refresh token", async () => {
    const { accessToken } = await signInAs(api, (await makeUser(api, { role: "owner" })).id);
    for (const refreshToken of [accessToken, accessToken.slice(0, 43)]) {
      expect([401, 422]).toContain((await post("/auth/refresh", { refreshToken })).status);
    }
  });
});

/** In paths and in all other places: tenant-isolation-api.test.ts. */
describe("another workspace's ids", () => {
  it("in a body name nothing", async () => {
    const theirs = await seedWorkspace(api.database.url);
    const { ids } = await seedEnriched(api.deps.db, 2, [], { workspaceId: theirs });
    const merge = { keepId: ids[0], mergeIds: [ids[1]], reason: "mine now" };
    expect((await post("/merges", merge, asService)).status).toBe(404);
    const user = await makeUser(api, { role: "owner" });
    const { refreshToken } = await signInAs(api, user.id);
    expect((await post("/auth/refresh", { refreshToken, workspaceId: theirs })).status).toBe(403);
    const there = await post("/auth/sign-in", { email: user.email, password: PASSWORD, workspaceId: theirs });
    expect(there.status).toBe(403);
  });
});

describe("SQL of ours that went wrong", () => {
  const denied = { cause: { code: "42501" } };
  const inMine = (statement: string) =>
    inWorkspace(api.deps.db, DEFAULT_WORKSPACE_ID, (tx) => tx.execute(sql.raw(statement)));

  it("sees of users who is a member, and nothing that a sign-in could be made of", async () => {
    const mine = await makeUser(api, { role: "viewer" });
    const theirs = await makeUser(api, {
      role: "viewer",
      workspaceId: await seedWorkspace(api.database.url),
    });
    const { rows } = await inMine("SELECT id FROM users");
    const ids = rows.map(({ id }) => id);
    expect(ids).toContain(mine.id);
    expect(ids).not.toContain(theirs.id);
    for (const column of ["password_hash", "totp_secret", "recovery_codes", "*"]) {
      await expect(inMine(`SELECT ${column} FROM users`), column).rejects.toMatchObject(denied);
    }
    for (const table of ["sessions", "refresh_tokens"]) {
      await expect(inMine(`SELECT 1 FROM ${table}`), table).rejects.toMatchObject(denied);
    }
    await expect(inMine("UPDATE users SET name = 'x'")).rejects.toMatchObject(denied);
    await expect(inMine("UPDATE api_keys SET role = 'owner'")).rejects.toMatchObject(denied);
  });

  it("that finds out who is asking sees nothing that a workspace has collected", async () => {
    for (const table of ["prospects", "field_values", "audit_entries", "provider_credentials", "jobs"]) {
      const read = inAccess(api.deps.db, (tx) => tx.execute(sql.raw(`SELECT 1 FROM ${table}`)));
      await expect(read, table).rejects.toMatchObject(denied);
    }
  });
});

describe("more than is asked for", () => {
  it.each([
    ["POST", "/auth/sign-in", { email: "x@example.ro", password: PASSWORD, role: "owner" }],
    ["POST", "/auth/refresh", { refreshToken: "x", role: "owner" }],
    ["POST", "/auth/accept-invitation", { token: "x", name: "x", password: PASSWORD, role: "owner" }],
    ["POST", "/auth/accept-invitation", { token: "x", name: "x", password: PASSWORD, email: "y@example.ro" }],
    ["POST", "/auth/password", { currentPassword: "x", newPassword: PASSWORD, userId: randomUUID() }],
    ["POST", "/invitations", { email: "x@example.ro", role: "viewer", workspaceId: randomUUID() }],
    ["POST", "/api-keys", { name: "x", role: "viewer", workspaceId: randomUUID() }],
    ["POST", "/api-keys", { name: "x", role: "viewer", createdBy: "somebody" }],
    ["PATCH", `/users/${randomUUID()}`, { role: "viewer", workspaceId: randomUUID() }],
    ["PATCH", `/users/${randomUUID()}`, { role: "viewer", passwordHash: "x" }],
    ["POST", "/workspaces", { slug: "mass", name: "x", id: randomUUID() }],
  ])("is refused: %s %s %o", async (method, path, body) => {
    const answer = await api.request(method, path, { body, headers: asService });
    expect([answer.status, answer.body.error.code]).toEqual([422, "invalid_request"]);
  });
});

describe("guessing", () => {
  const from = (address: string) => ({ "x-forwarded-for": address });
  const attempt = (email: string, password: string, address: string) =>
    post("/auth/sign-in", { email, password }, from(address));

  it("does not tell whether an account is there: the same answer, after the same work", async () => {
    const known: { ms: number; answer: Answer }[] = [];
    const unknown: typeof known = [];
    const timed = async (email: string) => {
      const started = performance.now();
      const answer = await post("/auth/sign-in", { email, password: "not the password" });
      return { ms: performance.now() - started, answer };
    };
    for (let round = 0; round < 5; round++) {
      const { email } = await makeUser(api, { role: "viewer" });
      known.push(await timed(email));
      unknown.push(await timed(`nobody-${randomUUID()}@example.ro`));
    }
    const told = ({ answer }: (typeof known)[0]) => [answer.status, answer.body.error];
    for (const each of [...known, ...unknown]) {
      expect(told(each)).toEqual([401, { code: "wrong_credentials", message: expect.any(String) }]);
      expect(told(each)).toEqual(told(known[0] as (typeof known)[0]));
    }
    // The quickest of each: without the work it would be a tenth.
    const quickest = (all: typeof known) => Math.min(...all.map(({ ms }) => ms));
    expect(quickest(unknown)).toBeGreaterThan(quickest(known) / 3);
  });

  it("ends after five sign-ins a minute to an account, from wherever; the right password does not help", async () => {
    const { email } = await makeUser(api, { role: "viewer" });
    for (let n = 1; n <= 5; n++)
      expect((await attempt(email, "wrong password", `203.0.113.${n}`)).status).toBe(401);
    const sixth = await attempt(email.toUpperCase(), PASSWORD, "203.0.113.6");
    expect([sixth.status, sixth.body.error.code]).toEqual([429, "rate_limited"]);
    expect(Number(sixth.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it("ends after five sign-ins a minute from an address, to whomever; from another one it goes on", async () => {
    const address = `2001:db8:${Math.floor(Math.random() * 0xffff).toString(16)}:1::`;
    for (let n = 1; n <= 5; n++) {
      const { status } = await attempt(
        `nobody-${randomUUID()}@example.ro`,
        "wrong password",
        `${address}${n}`,
      );
      expect(status).toBe(401);
    }
    const { email } = await makeUser(api, { role: "viewer" });
    // The whole /64 is one subscriber's.
    expect((await attempt(email, PASSWORD, `${address}ffff`)).status).toBe(429);
    expect((await attempt(email, PASSWORD, "198.51.100.77")).status).toBe(200);
  });

  it("is limited wherever a password or a code is asked for", async () => {
    const user = await makeUser(api, { role: "viewer" });
    const headers = bearer((await signInAs(api, user.id)).accessToken);
    const tries = [
      ...Array.from({ length: 3 }, () =>
        post("/auth/password", { currentPassword: "x", newPassword: PASSWORD }, headers),
      ),
      ...Array.from({ length: 3 }, () => post("/auth/totp", { password: "x" }, headers)),
    ];
    const statuses = (await Promise.all(tries)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(1);
  });
});

it("secrets are compared in one place, and passwords in another", () => {
  const src = join(import.meta.dirname, "../../src");
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".test.ts"),
  );
  const comparing = files.filter((file) => readFileSync(join(src, file), "utf8").includes("timingSafeEqual"));
  expect(comparing.sort()).toEqual(["platform/access/passwords.ts", "platform/access/secrets.ts"]);
});
