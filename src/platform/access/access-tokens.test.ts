import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { createVault } from "../vault.ts";
import { ACCESS_TOKEN_SECONDS, issueAccessToken, readAccessToken } from "./access-tokens.ts";

const now = new Date("2026-11-22T12:00:00Z");
const after = (seconds: number) => new Date(now.getTime() + seconds * 1000);
const id = "019de9a2-0000-7000-8000-000000000000";
const claims = { sub: id, sid: id, workspace: id, role: "sales" } as const;
const [k1, k2] = ["k1", "k2"].map((name) => ({ id: name, key: randomBytes(32) })) as [
  { id: string; key: Buffer },
  { id: string; key: Buffer },
];

it("a token says who, in which session, where and as what, for 15 minutes", async () => {
  const vault = createVault([k1]);
  const token = await issueAccessToken(vault, claims, now);
  expect(await readAccessToken(vault, token, after(0))).toEqual(claims);
  expect(await readAccessToken(vault, token, after(ACCESS_TOKEN_SECONDS - 1))).toEqual(claims);
  expect(await readAccessToken(vault, token, after(ACCESS_TOKEN_SECONDS + 10))).toBeNull();
});

it("one of a replica whose clock is a little ahead holds", async () => {
  const vault = createVault([k1]);
  const token = await issueAccessToken(vault, claims, after(2));
  expect(await readAccessToken(vault, token, now)).toEqual(claims);
  expect(await readAccessToken(vault, await issueAccessToken(vault, claims, after(60)), now)).toBeNull();
});

it("one that was signed under a former key holds until that key is dropped", async () => {
  const token = await issueAccessToken(createVault([k1]), claims, now);
  expect(await readAccessToken(createVault([k2, k1]), token, now)).toEqual(claims);
  expect(await readAccessToken(createVault([k2]), token, now)).toBeNull();
  const another = { id: "k1", key: randomBytes(32) };
  expect(await readAccessToken(createVault([another]), token, now)).toBeNull();
});
