/**
 * A simulator of ZeroBounce, API v2 (validate, validatebatch, getcredits): its shapes, its limits with their blocks,
 * one sentence for a wrong key and for spent credit, invented outcomes. `unknown` and the sandbox are not charged.
 */
import { z } from "zod";
import { hashedKey } from "#src/providers/subject-key.ts";
import { ZEROBOUNCE_CREDIT_MICROS } from "#src/providers/zerobounce/provider.ts";
import { type Admission, ArrivalWindows, commonBehaviour, defineSimulator, type Window } from "../kit.ts";
import { isSandbox, outcomeOf } from "./outcome.ts";

export const ZEROBOUNCE_KEY = "simulated-zerobounce-key";

const VALIDATE = { limit: 80_000, periodMs: 10_000 };
const BATCH = { limit: 30, periodMs: 60_000 };
const MAX_ADDRESSES = 100;

const behaviour = {
  ...commonBehaviour,
  latencyMs: z.number().int().min(0).default(800),
  jitterMs: z.number().int().min(0).default(300),
  /** How long nothing is answered after a limit was exceeded. */
  blockMs: z.number().int().min(0).default(60_000),
  batchBlockMs: z.number().int().min(0).default(600_000),
  /** Share of mailboxes whose server does not say whether they exist. */
  unknownPct: z.number().min(0).max(100).default(4),
  /** 1: no credit is left. */
  spent: z.number().int().min(0).max(1).default(0),
  /** 1: the API Shield is up, and everything is answered with 403. */
  shielded: z.number().int().min(0).max(1).default(0),
};

const batchQuestion = z.object({
  api_key: z.string(),
  email_batch: z
    .array(z.object({ email_address: z.string() }))
    .min(1)
    .max(MAX_ADDRESSES),
});

const NO_KEY_OR_CREDIT = "Invalid API key or your account ran out of credits";

export const zerobounceSimulator = defineSimulator({
  slug: "zerobounce",
  behaviour,
  env: (baseUrl) => ({ ZEROBOUNCE_BASE_URL: baseUrl, ZEROBOUNCE_API_KEY: ZEROBOUNCE_KEY }),
  routes(app, { behaviour: now, ledger, guard }) {
    const isRefused = (key: string | undefined) => key !== ZEROBOUNCE_KEY || now().spent === 1;

    function validated(address: string) {
      const { status, subStatus } = outcomeOf(address, now().unknownPct);
      if (status !== "unknown" && !isSandbox(address))
        ledger().charge(hashedKey(address), ZEROBOUNCE_CREDIT_MICROS);
      const [account = "", domain = ""] = address.split("@");
      const hasMail = subStatus !== "no_dns_entries";
      return {
        address,
        status,
        sub_status: subStatus,
        free_email: false,
        did_you_mean: null,
        account,
        domain,
        domain_age_days: "4120",
        smtp_provider: "",
        mx_found: String(hasMail),
        mx_record: hasMail ? `mx1.${domain}` : "",
        firstname: null,
        lastname: null,
        gender: null,
        country: null,
        region: null,
        city: null,
        zipcode: null,
        processed_at: "2026-11-22 08:00:00.000",
      };
    }

    app.use(async (c, next) => {
      if (now().shielded === 1) return c.html("<html>API Shield (simulator)</html>", 403);
      return next();
    });

    const single = blocking(VALIDATE, () => now().blockMs);
    app.get(
      "/validate",
      guard(single, (c) => c.json({ error: "Too many requests (simulator)" }, 429)),
      (c) => {
        const { api_key: key, email = "" } = c.req.query();
        if (isRefused(key)) return c.json({ error: NO_KEY_OR_CREDIT });
        return email === "" ? c.json({ error: "Missing parameter: email" }, 400) : c.json(validated(email));
      },
    );

    const batches = blocking(BATCH, () => now().batchBlockMs);
    app.post(
      "/validatebatch",
      guard(batches, (c) => c.text("Too many requests (simulator)", 429)),
      async (c) => {
        const question = batchQuestion.safeParse(await c.req.json().catch(() => null));
        if (!question.success) return c.json({ error: "Invalid email batch (simulator)" }, 400);
        const { api_key: key, email_batch: asked } = question.data;
        if (isRefused(key))
          return c.json({ email_batch: [], errors: [{ error: NO_KEY_OR_CREDIT, email_address: "all" }] });
        return c.json({ email_batch: asked.map((each) => validated(each.email_address)), errors: [] });
      },
    );

    app.get("/getcredits", (c) => {
      const isKnown = c.req.query("api_key") === ZEROBOUNCE_KEY;
      return c.json({ Credits: isKnown ? (now().spent === 1 ? "0" : "2375323") : "-1" });
    });
  },
});

/** One request too many, and for a while nothing is answered. */
function blocking(window: Window, blockMs: () => number): Admission {
  const arrivals = new ArrivalWindows([window]);
  let blockedUntilMs = Number.NEGATIVE_INFINITY;
  return {
    admit(atMs) {
      if (atMs < blockedUntilMs) return false;
      if (arrivals.admit(atMs)) return true;
      blockedUntilMs = atMs + blockMs();
      return false;
    },
  };
}
