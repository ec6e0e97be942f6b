import { createHmac } from "node:crypto";
import type { Context } from "hono";
import { getSignedCookie, setSignedCookie } from "hono/cookie";
import type { EngineConfig } from "../config.ts";
import { bearerMatches, hashSigningKey, sameText } from "../protocol/signing.ts";

const COOKIE = "engine_session";
const LASTS_SECONDS = 12 * 3_600;

/** Sign-in to the page: the signing key is shown once, and a signed cookie that ends by itself takes its place. */
export class Sessions {
  readonly #config: EngineConfig;

  constructor(config: EngineConfig) {
    this.#config = config;
  }

  /** Whether this request may see the page: it has the cookie or the key, or the engine is in dev mode. */
  async isIn(c: Context): Promise<boolean> {
    if (this.#config.devMode) return true;
    if (bearerMatches(c.req.header("authorization"), this.#config.signingKeys)) return true;
    const until = await getSignedCookie(c, this.#secret(), COOKIE);
    return typeof until === "string" && Number(until) > Date.now();
  }

  /** Signs in with a signing key, plain or hashed; false when it is none. */
  async signIn(c: Context, key: string): Promise<boolean> {
    const known = this.#config.signingKeys;
    if (!known.some((one) => sameText(key, one) || sameText(key, hashSigningKey(one)))) return false;
    const secure = new URL(c.req.url).protocol === "https:";
    await setSignedCookie(c, COOKIE, String(Date.now() + LASTS_SECONDS * 1_000), this.#secret(), {
      httpOnly: true,
      sameSite: "Strict",
      path: "/",
      maxAge: LASTS_SECONDS,
      secure,
    });
    return true;
  }

  signOut(c: Context): void {
    c.header("set-cookie", `${COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict`);
  }

  #secret(): string {
    return createHmac("sha256", this.#config.signingKeys[0] ?? "")
      .update("engine page sessions")
      .digest("hex");
  }
}
