/**
 * `POST /webhooks/:provider/:workspace`: where providers send to. Not a part of the API: nobody signs in, the provider's
 * proof is looked at instead. 200: it is stored, once. 401: its proof is none. 404: nothing is expected at this address.
 * 503: it could not be stored; providers send again.
 */
import { type Context, Hono } from "hono";
import type { Deps } from "#src/deps.ts";
import { instruments } from "#src/platform/metrics.ts";
import { type Answer, WebhookDoor } from "#src/platform/webhooks-in/door.ts";
import { webhookSources } from "#src/providers/webhooks.ts";
import { type AppEnv, fail, ok } from "../envelope.ts";
import { readBytes } from "../json-body.ts";

/** Providers wait 5 seconds (TimelinesAI) or 15 (Resend); ours are for a body on its way, and for Postgres. */
const BODY_LIMITS = { maxBytes: 1_048_576, timeoutMs: 10_000 };
const STORE_WITHIN_MS = 4_000;

/** @param limits of a body; other than the usual ones for tests */
export function webhookRoutes(deps: Deps, limits = BODY_LIMITS) {
  const door = new WebhookDoor({ ...deps, sources: webhookSources });
  return new Hono<AppEnv>().post("/webhooks/:provider/:workspace", async (c) => {
    const address = { provider: c.req.param("provider"), workspace: c.req.param("workspace") };
    const body = await readBytes(c.req.raw, limits);
    const tokens = c.req.queries("token") ?? [];
    const webhook = {
      headers: c.req.header(),
      token: tokens.length === 1 ? (tokens[0] ?? null) : null,
      body,
    };
    try {
      return answer(c, address.provider, await within(STORE_WITHIN_MS, door.receive(address, webhook)));
    } catch {
      // The door has logged why, once for all whom it befell.
      count(address.provider, "unavailable");
      c.header("Retry-After", "1");
      return fail(c, 503, { code: "unavailable", message: "It could not be stored now: send it again." });
    }
  });
}

function answer(c: Context<AppEnv>, provider: string, { status, ...rest }: Answer) {
  count(provider, "reason" in rest ? rest.reason : status);
  if (status === "stored" || status === "duplicate") return ok(c, { status });
  // Which part of the proof is wrong is nobody's business but ours: it is counted.
  if (status === "refused")
    return fail(c, 401, { code: "not_genuine", message: "The signature is not valid." });
  return fail(c, 404, { code: "not_found", message: "No webhooks are expected here." });
}

/** Whatever stands in an address is no label of a metric: only providers that there are. */
function count(provider: string, outcome: string): void {
  instruments().webhooksIn.add(1, { provider: webhookSources.has(provider) ? provider : "unknown", outcome });
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Not stored within ${ms} ms.`)), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
