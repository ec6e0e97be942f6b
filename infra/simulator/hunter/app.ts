/**
 * A simulator of Hunter, API v2 (domain-search and email-finder): its shapes, limits and unusual statuses, invented
 * people. Charges one credit for an answer with addresses. Only domains of simulated companies are known.
 */
import type { Context } from "hono";
import { z } from "zod";
import { HUNTER_CREDIT_MICROS } from "#src/providers/hunter/provider.ts";
import { hashedKey } from "#src/providers/subject-key.ts";
import { between, isAmong, pick } from "../chance.ts";
import { cuiOfDomain, simulatedCompany } from "../company.ts";
import { commonBehaviour, defineSimulator, type SimulatorEnv } from "../kit.ts";
import { personAt } from "../mailboxes.ts";

export const HUNTER_KEY = "simulated-hunter-key";

/** Per endpoint. */
const WINDOWS = [
  { limit: 15, periodMs: 1_000 },
  { limit: 500, periodMs: 60_000 },
];

const behaviour = {
  ...commonBehaviour,
  latencyMs: z.number().int().min(0).default(300),
  jitterMs: z.number().int().min(0).default(100),
  /** Share of domains of which Hunter knows something; document 000 expects 35 to 45% to be found. */
  knownPct: z.number().min(0).max(100).default(50),
  /** Share of people who have told Hunter not to process their address. */
  claimedPct: z.number().min(0).max(100).default(1),
  /** 1: the plan's credits are used up. */
  spent: z.number().int().min(0).max(1).default(0),
};

export const hunterSimulator = defineSimulator({
  slug: "hunter",
  behaviour,
  env: (baseUrl) => ({ HUNTER_BASE_URL: baseUrl, HUNTER_API_KEY: HUNTER_KEY }),
  routes(app, { behaviour: now, ledger, guard }) {
    const refuse = (
      c: Context<SimulatorEnv>,
      status: 400 | 401 | 403 | 429 | 451,
      id: string,
      details: string,
    ) => c.json({ errors: [{ id, code: status, details: `${details} (simulator)` }] }, status);
    const tooFast = (c: Context<SimulatorEnv>) =>
      refuse(c, 403, "rate_limit_exceeded", "You have reached the rate limit");

    const wrongKey = (c: Context<SimulatorEnv>): Response | null => {
      const { authorization = "", "x-api-key": header } = c.req.header();
      const key = c.req.query("api_key") ?? header ?? authorization.replace(/^Bearer /, "");
      return key === HUNTER_KEY
        ? null
        : refuse(c, 401, "authentication_failed", "No user found for the API key");
    };

    /** What is wrong with a search before it is made; null: nothing. */
    function refusalOf(c: Context<SimulatorEnv>): Response | null {
      const refusal = wrongKey(c);
      if (refusal) return refusal;
      if (now().spent === 1)
        return refuse(c, 429, "too_many_requests", "You have reached the limit of your billing period");
      return c.req.query("domain") ? null : refuse(c, 400, "wrong_params", "You are missing the domain");
    }

    app.get("/account", guard(WINDOWS, tooFast), (c) => {
      const requests = { credits: { used: now().spent === 1 ? 2_000 : 0, available: 2_000 } };
      return wrongKey(c) ?? c.json({ data: { plan_name: "Starter", requests } });
    });

    app.get("/domain-search", guard(WINDOWS, tooFast), (c) => {
      const refusal = refusalOf(c);
      if (refusal) return refusal;
      const domain = c.req.query("domain") as string;
      const limit = Math.min(Number(c.req.query("limit") ?? 10), 100);
      const emails = knownAt(domain, now().knownPct).slice(0, limit);
      if (emails.length > 0) ledger().charge(domain, HUNTER_CREDIT_MICROS);
      return c.json({
        data: {
          domain,
          disposable: false,
          webmail: false,
          accept_all: false,
          pattern: "{first}.{last}",
          emails,
        },
        meta: { results: emails.length, limit, offset: 0, params: { domain } },
      });
    });

    app.get("/email-finder", guard(WINDOWS, tooFast), (c) => {
      const refusal = refusalOf(c);
      if (refusal) return refusal;
      const { domain = "", first_name: first = "", last_name: last = "" } = c.req.query();
      if (first === "" || last === "")
        return refuse(c, 400, "wrong_params", "You are missing the first or the last name");
      const cui = cuiOfDomain(domain);
      const person = personAt(domain, first, last);
      if (cui !== null && person && isAmong(cui, `claimed ${person.email}`, now().claimedPct))
        return refuse(
          c,
          451,
          "claimed_email",
          "The person behind this address has asked us not to process it",
        );
      const known = cui !== null && person && isAmong(cui, `hunter ${person.email}`, now().knownPct);
      if (known) ledger().charge(hashedKey(first, last, domain), HUNTER_CREDIT_MICROS);
      return c.json({
        data: {
          first_name: first,
          last_name: last,
          email: known ? person.email : null,
          score: known ? scoreOf(cui, person.email) : null,
          domain,
          accept_all: false,
          position: known ? person.position : null,
          verification: known ? verificationOf(cui, person.email) : { date: null, status: null },
          sources: [],
        },
        meta: { params: { first_name: first, last_name: last, domain } },
      });
    });
  },
});

function knownAt(domain: string, knownPct: number) {
  const cui = cuiOfDomain(domain);
  if (cui === null || !isAmong(cui, "hunter", knownPct)) return [];
  const { genericEmails, people } = simulatedCompany(cui);
  const generic = genericEmails.map((email) => ({ value: email, type: "generic", ...NOBODY }));
  const personal = people.map((person) => ({
    value: person.email,
    type: "personal",
    first_name: person.firstName,
    last_name: person.lastName,
    position: person.position,
    seniority: person.position === "Administrator" ? "executive" : null,
  }));
  return [...generic, ...personal].map((item) => ({
    ...item,
    confidence: scoreOf(cui, item.value),
    phone_number: null,
    verification: verificationOf(cui, item.value),
    sources: [{ domain, uri: `http://${domain}/contact`, still_on_page: true }],
  }));
}

const NOBODY = { first_name: null, last_name: null, position: null, seniority: null };

/** Four in five are good enough for us. */
const scoreOf = (cui: number, email: string): number =>
  isAmong(cui, `score ${email}`, 80)
    ? between(cui, `good ${email}`, 80, 99)
    : between(cui, `poor ${email}`, 30, 79);

const verificationOf = (cui: number, email: string) => ({
  date: "2026-10-01",
  status: pick(cui, `hunter verification ${email}`, ["valid", "valid", "valid", "accept_all", null]),
});
