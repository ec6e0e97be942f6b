/** Sessions and authenticator apps, over the API. */
import { createHash, randomBytes } from "node:crypto";
import { TOTP } from "otpauth";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { REPEAT_WITHIN_MS } from "#src/domain/access/refresh.ts";
import { totpContext } from "#src/platform/access/two-factor.ts";
import { rotateSecrets } from "#src/platform/rotation.ts";
import { createVault } from "#src/platform/vault.ts";
import {
  type Answer,
  bearer,
  someone as makeSomeone,
  PASSWORD,
  signInAs,
  startApi,
  type TestApi,
} from "#tests/support/api.ts";

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
const someone = (role: "viewer" | "operator") => makeSomeone(api, role);
/** As if a minute had gone by since anybody guessed at this account. */
const forgetAttempts = (account: string) =>
  api.deps.redis.del(
    `cerniq:rate:${createHash("sha256").update(`sign-in:account:${account}`).digest("base64url")}`,
  );

describe("a session", () => {
  it("goes on with each refresh for 7 days, and an access token for 15 minutes", async () => {
    const user = await someone("viewer");
    const first = (await signIn(user.email)).body.data;
    try {
      aheadMs = 15 * MINUTE_MS + 10_000;
      expect((await get("/auth/me", bearer(first.accessToken))).status).toBe(401);
      const second = (await refresh(first.refreshToken)).body.data;
      expect((await get("/auth/me", bearer(second.accessToken))).status).toBe(200);
      aheadMs += 7 * DAY_MS - MINUTE_MS;
      const third = (await refresh(second.refreshToken)).body.data;
      aheadMs += 7 * DAY_MS + MINUTE_MS;
      expect((await refresh(third.refreshToken)).status).toBe(401);
    } finally {
      aheadMs = 0;
    }
  });

  it("ends with all its tokens when a refresh token is used again, and the audit trail says so", async () => {
    const user = await someone("viewer");
    const first = (await signIn(user.email)).body.data;
    const other = (await signIn(user.email)).body.data;
    try {
      const second = (await refresh(first.refreshToken)).body.data;
      aheadMs = REPEAT_WITHIN_MS + 5_000;
      expect((await refresh(first.refreshToken)).status).toBe(401);
      expect((await get("/auth/me", bearer(second.accessToken))).status).toBe(401);
      expect((await refresh(second.refreshToken)).status).toBe(401);
      expect((await get("/auth/me", bearer(other.accessToken))).status).toBe(200);
      const { rows } = await owner.query(
        "SELECT action FROM audit_entries WHERE actor_id = $1 AND action = 'session.replayed'",
        [user.id],
      );
      expect(rows).toHaveLength(1);
    } finally {
      aheadMs = 0;
    }
  });

  it("goes on as one when two tabs refresh at the same time, and a thief among them still shows", async () => {
    const user = await someone("viewer");
    const { refreshToken } = (await signIn(user.email)).body.data;
    const answers = await Promise.all([1, 2, 3, 4].map(() => refresh(refreshToken)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const successors = new Set(answers.map(({ body }) => body.data.refreshToken));
    expect(successors.size).toBe(1);
    try {
      const [successor] = successors;
      expect((await refresh(successor)).status).toBe(200);
      aheadMs = REPEAT_WITHIN_MS + 5_000;
      expect((await refresh(successor)).status).toBe(401);
      expect((await get("/auth/me", bearer(answers[0]?.body.data.accessToken))).status).toBe(401);
    } finally {
      aheadMs = 0;
    }
  });

  it("ends by sign-out, at once; others by sign-out everywhere", async () => {
    const user = await someone("viewer");
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => signInAs(api, user.id)));
    const alive = async (tokens: typeof one) =>
      (await get("/auth/me", bearer(tokens?.accessToken ?? ""))).status === 200;
    expect((await post("/auth/sign-out", undefined, bearer(one?.accessToken ?? ""))).status).toBe(200);
    expect([await alive(one), await alive(two), await alive(three)]).toEqual([false, true, true]);
    expect((await refresh(one?.refreshToken ?? "")).status).toBe(401);
    const everywhere = await post("/auth/sign-out-everywhere", undefined, bearer(two?.accessToken ?? ""));
    // The third, this one, and the one that the user came with.
    expect(everywhere.body.data).toEqual({ ended: 3 });
    expect([await alive(two), await alive(three)]).toEqual([false, false]);
  });

  it("ends when the password is changed elsewhere, and only the new password signs in", async () => {
    const user = await someone("viewer");
    const other = await signInAs(api, user.id);
    const change = (currentPassword: string) =>
      post("/auth/password", { currentPassword, newPassword: "an even longer password" }, user.headers);
    expect((await change("wrong password")).status).toBe(401);
    expect((await change(PASSWORD)).status).toBe(200);
    expect((await get("/auth/me", user.headers)).status).toBe(200);
    expect((await get("/auth/me", bearer(other.accessToken))).status).toBe(401);
    expect((await signIn(user.email)).status).toBe(401);
    expect((await signIn(user.email, { password: "an even longer password" })).status).toBe(200);
  });
});

describe("an authenticator app", () => {
  it("is asked for after its first code; each code counts once; recovery codes help out", async () => {
    const user = await someone("operator");
    const enrolled = await post("/auth/totp", { password: PASSWORD }, user.headers);
    const { secret, uri } = enrolled.body.data;
    expect(uri).toMatch(/^otpauth:\/\/totp\/Cerniq:/);
    const { rows } = await owner.query("SELECT totp_secret FROM users WHERE id = $1", [user.id]);
    expect(rows[0].totp_secret).toMatch(/^v1\./);
    expect((await signIn(user.email)).status).toBe(200);

    const rotated = createVault([{ id: "k2", key: randomBytes(32) }, ...api.deps.config.SECRET_KEYS]);
    expect(await rotateSecrets(api.deps.db, rotated)).toMatchObject({
      resealed: expect.any(Number),
      unreadable: [],
    });
    const resealed = await owner.query("SELECT totp_secret FROM users WHERE id = $1", [user.id]);
    expect(rotated.open(totpContext(user.id), resealed.rows[0].totp_secret)).toBe(secret);
    await owner.query("UPDATE users SET totp_secret = $2 WHERE id = $1", [user.id, rows[0].totp_secret]);

    const totp = new TOTP({ secret });
    const [first, next] = [0, 30_000].map((ms) => totp.generate({ timestamp: Date.now() + ms }));
    const confirm = (code = "") => post("/auth/totp/confirm", { code }, user.headers);
    expect((await confirm("000000")).status).toBe(401);
    const { recoveryCodes } = (await confirm(first)).body.data;
    expect(recoveryCodes).toHaveLength(10);
    expect((await post("/auth/totp", { password: PASSWORD }, user.headers)).status).toBe(409);

    const attempt = async (more: object) => {
      await forgetAttempts(user.email);
      const { status, body } = await signIn(user.email, more);
      return body.error?.code ?? status;
    };
    expect(await attempt({})).toBe("totp_required");
    expect(await attempt({ code: first })).toBe("wrong_code"); // it confirmed the app
    expect(await attempt({ code: next })).toBe(200);
    expect(await attempt({ code: next })).toBe("wrong_code");
    expect(await attempt({ code: recoveryCodes[3].toUpperCase() })).toBe(200);
    expect(await attempt({ code: recoveryCodes[3] })).toBe("wrong_code");
    // Nothing is told to who does not know the password.
    expect(await attempt({ password: "another password" })).toBe("wrong_credentials");

    await forgetAttempts(user.id);
    const remove = (body: object) => post("/auth/totp/remove", body, user.headers);
    expect((await remove({ password: PASSWORD })).status).toBe(401);
    expect((await remove({ password: PASSWORD, code: recoveryCodes[0] })).status).toBe(200);
    expect(await attempt({})).toBe(200);
  });
});
