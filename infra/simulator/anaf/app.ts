/**
 * A simulator of ANAF's VAT and taxpayer service v9: same URL, shapes, limits and bad days, invented data. It answers
 * to both the demo (over HTTP) and msw in tests.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Hono } from "hono";
import { z } from "zod";
import { arrivalOf } from "../arrival.ts";
import { chance, isAmong } from "../chance.ts";
import {
  type Admission,
  isTurn,
  RESET_HEADER,
  type Simulator,
  type SimulatorApp,
  type SimulatorFactory,
} from "../kit.ts";
import { type AnafBehaviour, anafBehaviour } from "./behaviour.ts";
import { Ledger, type LedgerReport } from "./ledger.ts";
import { simulateTaxpayer } from "./taxpayer.ts";

/** As an {@link Admission} it is ANAF's limit, which counts arrivals for whichever of its services. */
export interface AnafSimulator extends Simulator, Admission {
  behaviour(): AnafBehaviour;
  configure(changes: Partial<AnafBehaviour>): void;
  ledger(): LedgerReport;
}

const MAX_TAX_IDS = 100;

const question = z.array(
  z.object({
    cui: z.coerce.number().int().positive(),
    data: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  }),
);

const MAINTENANCE = `<!DOCTYPE html><html lang="ro"><head><title>Mentenanta sistem</title></head>
<body><h1>Sistemul este in mentenanta</h1><p>Va rugam reveniti. (simulator)</p></body></html>`;

export function createAnafSimulator(options: Partial<AnafBehaviour> = {}): AnafSimulator {
  let behaviour = anafBehaviour.parse(options);
  let ledger = new Ledger();
  let lastArrivalMs = Number.NEGATIVE_INFINITY;
  const app: SimulatorApp = new Hono();

  app.use(async (c, next) => {
    await next();
    c.header("x-simulator", "anaf");
  });

  app.post("/api/PlatitorTvaRest/v9/tva", async (c) => {
    const arrivedAt = arrivalOf(c.env?.incoming);
    ledger.arrive(arrivedAt);
    if (!admit(arrivedAt)) {
      ledger.count("rateLimited");
      const { retryAfterSeconds } = behaviour;
      if (retryAfterSeconds > 0) c.header("retry-after", String(retryAfterSeconds));
      return c.text("Too many requests (simulator)", 429);
    }
    ledger.accept(arrivedAt);
    const turn = ledger.accepted;

    if (isTurn(turn, behaviour.resetEvery)) {
      ledger.count("resets");
      c.env?.incoming?.socket.destroy();
      return c.text("", 502, { [RESET_HEADER]: "1" });
    }
    if (isTurn(turn, behaviour.outageEvery)) {
      ledger.count("outages");
      return c.html(MAINTENANCE);
    }
    if (isTurn(turn, behaviour.errorEvery)) {
      ledger.count("errors");
      return c.json({ cod: 500, message: "ERROR (simulator)" }, 500);
    }

    const parsed = question.safeParse(await c.req.json().catch(() => null));
    if (!parsed.success || parsed.data.length < 1 || parsed.data.length > MAX_TAX_IDS) {
      ledger.count("refused");
      return c.json(
        { cod: 400, message: `An array of 1 to ${MAX_TAX_IDS} {cui, data} is expected (simulator)` },
        400,
      );
    }
    const asked = parsed.data;
    const day = asked[0]?.data ?? "";
    const leftOut = new Set(asked.filter(({ cui }) => leavesOut(cui)).map(({ cui }) => cui));
    const { signal } = c.req.raw;
    const book = ledger;
    book.ask(
      asked.map(({ cui }) => cui),
      leftOut,
      day,
    );
    const answered = asked.filter(({ cui }) => !leftOut.has(cui));
    const ids = answered.map(({ cui }) => cui);

    await sleep(latencyOf(turn, asked.length));
    if (signal.aborted) {
      book.abandon(ids);
      return c.text("", 499 as 500);
    }
    const found = answered.filter(({ cui }) => !isUnknown(cui)).map(({ cui, data }) => recordOf(cui, data));
    const notFound = ids.filter(isUnknown);
    book.answer(ids);
    if (found.length === 0) return c.json({ found, notFound }, 404);
    return c.json({ cod: 200, message: "SUCCESS", found, notFound });
  });

  function admit(atMs: number): boolean {
    const inTime = atMs - lastArrivalMs >= behaviour.intervalMs;
    lastArrivalMs = atMs;
    return inTime;
  }

  const isUnknown = (cui: number) => isAmong(cui, "not found", behaviour.notFoundPct);
  const leavesOut = (cui: number) => !ledger.wasAsked(cui) && isAmong(cui, "left out", behaviour.missingPct);

  function recordOf(cui: number, day: string) {
    const record = simulateTaxpayer(cui, day);
    if (isAmong(cui, "malformed", behaviour.malformedPct)) record.inregistrare_scop_Tva = { scpTVA: "poate" };
    return record;
  }

  function latencyOf(turn: number, ids: number): number {
    const { latencyMs, jitterMs } = behaviour;
    // A short question is answered faster, but not at once.
    const share = 0.25 + (0.75 * ids) / MAX_TAX_IDS;
    return Math.max(0, latencyMs * share + (chance(turn, "jitter") * 2 - 1) * Math.min(jitterMs, latencyMs));
  }

  return {
    slug: "anaf",
    app,
    admit,
    env: (baseUrl) => ({ ANAF_BASE_URL: baseUrl }),
    behaviour: () => behaviour,
    configure(changes) {
      behaviour = anafBehaviour.parse({ ...behaviour, ...changes });
    },
    ledger: () => ledger.report(),
    charges: () => ({}),
    forget() {
      ledger = new Ledger();
      lastArrivalMs = Number.NEGATIVE_INFINITY;
    },
  };
}

export const anafSimulator: SimulatorFactory = {
  slug: "anaf",
  settings: Object.keys(anafBehaviour.shape),
  create: createAnafSimulator,
};
