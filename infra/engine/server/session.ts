import { createHmac } from "node:crypto";
import type { Context } from "hono";
import { getSignedCookie, setSignedCookie } from "hono/cookie";
import type { EngineConfig } from "../config.ts";
import { bearerMatches, hashSigningKey, sameText } from "../protocol/signing.ts";

// Sign-in to the page: the signing key is shown once, and a signed cookie that ends by itself takes its place.

const COOKIE = "engine_session";
const LASTS_SECONDS = 12 * 3_600;

/** Whether this request may see the page: it has the cookie or the key, or the engine is in dev mode. */
export async function isSignedIn(c: Context, config: EngineConfig): Promise<boolean> {
  if (config.devMode) return true;
  if (bearerMatches(c.req.header("authorization"), config.signingKeys)) return true;
  const until = await getSignedCookie(c, secret(config), COOKIE);
  return typeof until === "string" && Number(until) > Date.now();
}

/** Signs in with a signing key, plain or hashed; false when it is none. */
export async function signIn(c: Context, config: EngineConfig, key: string): Promise<boolean> {
  if (!config.signingKeys.some((known) => sameText(key, known) || sameText(key, hashSigningKey(known))))
    return false;
  await setSignedCookie(c, COOKIE, String(Date.now() + LASTS_SECONDS * 1_000), secret(config), {
    httpOnly: true,
    sameSite: "Strict",
    path: "/",
    maxAge: LASTS_SECONDS,
    secure: new URL(c.req.url).protocol === "https:",
  });
  return true;
}

export function signOut(c: Context): void {
  c.header("set-cookie", `${COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict`);
}

function secret(config: EngineConfig): string {
  return createHmac("sha256", config.signingKeys[0] ?? "")
    .update("engine page sessions")
    .digest("hex");
}
