/**
 * A simulator of Snov.io, API v2 (people's addresses, a firm's mailboxes, balance): tokens that expire, searches as
 * tasks, one limit for all requests of the account, invented people. Charges when a search is started: one credit an
 * address found, one a search of mailboxes. A start that is repeated is charged again.
 */
import type { Context } from "hono";
import { z } from "zod";
import { SNOV_CREDIT_MICROS } from "#src/providers/snov/provider.ts";
import { hashedKey } from "#src/providers/subject-key.ts";
import { isAmong, pick } from "../chance.ts";
import { cuiOfDomain, simulatedCompany } from "../company.ts";
import { commonBehaviour, defineSimulator, type SimulatorEnv } from "../kit.ts";
import { personAt } from "../mailboxes.ts";

export const SNOV_CLIENT = { id: "simulated-snov-client", secret: "simulated-snov-secret" };

/** Of the whole account. */
const WINDOWS = [{ limit: 60, periodMs: 60_000 }];
const MAX_ROWS = 10;

const behaviour = {
  ...commonBehaviour,
  latencyMs: z.number().int().min(0).default(200),
  jitterMs: z.number().int().min(0).default(80),
  /** How long a search takes. */
  taskMs: z.number().int().min(0).default(3_000),
  tokenSeconds: z.number().int().min(0).default(3_600),
  /** Share of people, and of firms, that Snov.io knows. */
  knownPct: z.number().min(0).max(100).default(35),
  /** 1: people's addresses flat, as third parties describe them, and not nested as the vendor does. */
  flat: z.number().int().min(0).max(1).default(0),
  /** 1: no credit is left. */
  spent: z.number().int().min(0).max(1).default(0),
};

const row = z.object({ first_name: z.string(), last_name: z.string(), domain: z.string() });
const peopleQuestion = z.object({ rows: z.array(row).min(1).max(MAX_ROWS) });
const firmQuestion = z.object({ domain: z.string().min(1) });
/** A task's id is the task: nothing has to be kept. */
const task = z.object({
  startedAtMs: z.number(),
  rows: z.array(row).optional(),
  domain: z.string().optional(),
});
type Task = z.infer<typeof task>;

export const snovSimulator = defineSimulator({
  slug: "snov",
  behaviour,
  env: (baseUrl) => ({
    SNOV_BASE_URL: baseUrl,
    SNOV_CLIENT_ID: SNOV_CLIENT.id,
    SNOV_CLIENT_SECRET: SNOV_CLIENT.secret,
  }),
  routes(app, { behaviour: now, ledger, guard }) {
    const refuse = (c: Context<SimulatorEnv>, status: 400 | 401 | 402 | 404 | 429, title: string) =>
      c.json({ errors: { code: status, title: `${title} (simulator)`, source: "" } }, status);

    app.use(guard(WINDOWS, (c) => refuse(c, 429, "Too many requests")));

    app.post("/v1/oauth/access_token", async (c) => {
      const form = await c.req.parseBody();
      if (form.client_id !== SNOV_CLIENT.id || form.client_secret !== SNOV_CLIENT.secret)
        return c.json({ error: "invalid_client", message: "Client authentication failed" }, 401);
      const { tokenSeconds } = now();
      const token = `simulated-${Date.now() + tokenSeconds * 1_000}`;
      return c.json({ access_token: token, token_type: "Bearer", expires_in: tokenSeconds });
    });

    app.use(async (c, next) => {
      const token = /^Bearer simulated-(\d+)$/.exec(c.req.header("authorization") ?? "");
      if (!token || Number(token[1]) <= Date.now()) return refuse(c, 401, "The access token is invalid");
      return next();
    });

    app.get("/v1/get-balance", (c) =>
      c.json({ success: true, data: { balance: now().spent === 1 ? "0.00" : "25000.00" } }),
    );

    app.post("/v2/emails-by-domain-by-name/start", async (c) => {
      const question = peopleQuestion.safeParse(await c.req.json().catch(() => null));
      if (!question.success) return refuse(c, 400, "rows are missing, or too many");
      if (now().spent === 1) return refuse(c, 402, "Not enough credits");
      for (const { first_name: first, last_name: last, domain } of question.data.rows) {
        if (addressOf(first, last, domain, now().knownPct))
          ledger().charge(hashedKey(first, last, domain), SNOV_CREDIT_MICROS);
      }
      const task_hash = hashOf({ startedAtMs: Date.now(), rows: question.data.rows });
      return c.json({ data: { task_hash }, meta: question.data });
    });

    app.get("/v2/emails-by-domain-by-name/result", (c) => {
      const asked = taskOf(c.req.query("task_hash"));
      if (!asked?.rows) return refuse(c, 404, "Sorry, but url or entity not found");
      if (Date.now() < asked.startedAtMs + now().taskMs) return c.json({ status: "in_progress", data: [] });
      const data = asked.rows.map((each) => (now().flat === 1 ? flatItem : nestedItem)(each, now().knownPct));
      return c.json({ status: "completed", data, meta: { rows: asked.rows } });
    });

    app.post("/v2/domain-search/generic-contacts/start", async (c) => {
      const question = firmQuestion.safeParse(await c.req.json().catch(() => null));
      if (!question.success) return refuse(c, 400, "domain is missing");
      if (now().spent === 1) return refuse(c, 402, "Not enough credits");
      const { domain } = question.data;
      ledger().charge(domain, SNOV_CREDIT_MICROS);
      const task_hash = hashOf({ startedAtMs: Date.now(), domain });
      return c.json({ data: [], meta: { domain, tab: "service", task_hash, next: "" } });
    });

    app.get("/v2/domain-search/generic-contacts/result/:task", (c) => {
      const asked = taskOf(c.req.param("task"));
      if (!asked?.domain) return refuse(c, 404, "Sorry, but url or entity not found");
      if (Date.now() < asked.startedAtMs + now().taskMs) return c.json({ status: "in progress", data: [] });
      const emails = mailboxesAt(asked.domain, now().knownPct);
      return c.json({
        data: emails.map((email) => ({ email })),
        meta: { domain: asked.domain, tab: "service", next: "", total_count: emails.length },
        links: { next: "" },
        status: "completed",
      });
    });
  },
});

const hashOf = (content: Task): string => Buffer.from(JSON.stringify(content)).toString("base64url");

function taskOf(hash = ""): Task | null {
  try {
    return task.safeParse(JSON.parse(Buffer.from(hash, "base64url").toString())).data ?? null;
  } catch {
    return null;
  }
}

type Row = z.infer<typeof row>;

function addressOf(first: string, last: string, domain: string, knownPct: number) {
  const cui = cuiOfDomain(domain);
  const email = personAt(domain, first, last)?.email;
  if (cui === null || !email || !isAmong(cui, `snov ${email}`, knownPct)) return null;
  return { email, smtp_status: pick(cui, `snov status ${email}`, ["valid", "valid", "valid", "unknown"]) };
}

/** As the vendor answers. */
function nestedItem({ first_name: first, last_name: last, domain }: Row, knownPct: number) {
  const found = addressOf(first, last, domain, knownPct);
  const flags = { is_valid_format: true, is_disposable: false, is_webmail: false, is_gibberish: false };
  return { people: `${first} ${last}`, result: found ? [{ ...found, ...flags }] : [] };
}

function flatItem({ first_name, last_name, domain }: Row, knownPct: number) {
  const found = addressOf(first_name, last_name, domain, knownPct);
  return { first_name, last_name, domain, email: found?.email ?? null, status: found?.smtp_status ?? null };
}

function mailboxesAt(domain: string, knownPct: number): readonly string[] {
  const cui = cuiOfDomain(domain);
  return cui !== null && isAmong(cui, "snov mailboxes", knownPct) ? simulatedCompany(cui).genericEmails : [];
}
