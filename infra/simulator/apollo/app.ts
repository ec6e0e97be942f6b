/**
 * A simulator of Apollo, API v1 (people/match, auth/health): its shapes and limits, invented people. "Nobody" is a
 * 200 with `person: null`, a locked address a placeholder. Charges one credit for each person matched.
 */
import type { Context } from "hono";
import { z } from "zod";
import { APOLLO_CREDIT_MICROS } from "#src/providers/apollo/provider.ts";
import { hashedKey } from "#src/providers/subject-key.ts";
import { isAmong, pick } from "../chance.ts";
import { cuiOfDomain } from "../company.ts";
import { commonBehaviour, defineSimulator, type SimulatorEnv } from "../kit.ts";
import { personAt } from "../mailboxes.ts";

export const APOLLO_KEY = "simulated-apollo-key";

/** Of enrichment, on paid plans. */
const WINDOWS = [{ limit: 1_000, periodMs: 60_000 }];
const RETRY_AFTER_SECONDS = "12";

const behaviour = {
  ...commonBehaviour,
  latencyMs: z.number().int().min(0).default(400),
  jitterMs: z.number().int().min(0).default(150),
  /** Share of people that Apollo knows: few, on Romanian farms. */
  knownPct: z.number().min(0).max(100).default(25),
  /** Share of those whose address it does not show. */
  lockedPct: z.number().min(0).max(100).default(20),
  /** 1: no credit is left. */
  spent: z.number().int().min(0).max(1).default(0),
  /** 1: the account is on the free plan, which has no enrichment. */
  freePlan: z.number().int().min(0).max(1).default(0),
};

export const apolloSimulator = defineSimulator({
  slug: "apollo",
  behaviour,
  env: (baseUrl) => ({ APOLLO_BASE_URL: baseUrl, APOLLO_API_KEY: APOLLO_KEY }),
  routes(app, { behaviour: now, ledger, guard }) {
    const isOurs = (c: Context<SimulatorEnv>) => c.req.header("x-api-key") === APOLLO_KEY;
    const tooFast = (c: Context<SimulatorEnv>) =>
      c.json({ error: "The maximum number of api calls per minute was reached (simulator)" }, 429, {
        "retry-after": RETRY_AFTER_SECONDS,
        "x-rate-limit-minute": "1000",
        "x-minute-requests-left": "0",
      });

    app.get("/auth/health", (c) => c.json({ healthy: true, is_logged_in: isOurs(c) }));

    app.post("/people/match", guard(WINDOWS, tooFast), (c) => {
      if (!isOurs(c)) return c.json({ error: "Invalid access credentials." }, 401);
      if (now().freePlan === 1)
        return c.json(
          { error: "people/match is not accessible on a free plan.", error_code: "API_INACCESSIBLE" },
          403,
        );
      if (now().spent === 1) return c.json({ error: "You have insufficient credits (simulator)." }, 422);
      const { first_name: first = "", last_name: last = "", domain = "" } = c.req.query();
      const cui = cuiOfDomain(domain);
      const person = personAt(domain, first, last);
      if (cui === null || !person || !isAmong(cui, `apollo ${person.email}`, now().knownPct))
        return c.json({ person: null });
      ledger().charge(hashedKey(first, last, domain), APOLLO_CREDIT_MICROS);
      const isLocked = isAmong(cui, `apollo locked ${person.email}`, now().lockedPct);
      const guess = pick(cui, `apollo status ${person.email}`, ["verified", "verified", "unverified"]);
      return c.json({
        person: {
          id: "66aa00000000000000000001",
          first_name: person.firstName,
          last_name: person.lastName,
          name: `${person.firstName} ${person.lastName}`,
          title: person.position,
          email: isLocked ? "email_not_unlocked@domain.com" : person.email,
          email_status: isLocked ? "unavailable" : guess,
          country: "Romania",
          organization: { name: domain, website_url: `http://${domain}`, primary_domain: domain },
          phone_numbers: [],
        },
      });
    });
  },
});
