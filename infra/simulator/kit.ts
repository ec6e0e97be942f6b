/** What simulated providers have in common: how they are plugged in, limits, bad days, and a ledger of what they saw. */
import { setTimeout as sleep } from "node:timers/promises";
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { z } from "zod";
import { arrivalOf } from "./arrival.ts";
import { chance } from "./chance.ts";

export type SimulatorEnv = { Bindings: Partial<HttpBindings> };
export type SimulatorApp = Hono<SimulatorEnv>;

/** One simulated provider. Its line in `catalog.ts` is all that it takes to be started with the others. */
export interface Simulator {
  slug: string;
  /** To be mounted at `/<slug>`. */
  app: SimulatorApp;
  /** Variables that make our app use it, when it is mounted at `baseUrl`. */
  env(baseUrl: string): Record<string, string>;
  behaviour(): Record<string, unknown>;
  /** Changes how it behaves from now on. @throws ZodError for unknown settings */
  configure(changes: Record<string, unknown>): void;
  ledger(): object;
  /** What each subject was charged, in micro-euros: for reconciliation with our own ledger. */
  charges(): Record<string, number>;
  /** A new, empty ledger. */
  forget(): void;
}

/** Marks an answer that stands for a broken connection, where there is no socket to break (msw). */
export const RESET_HEADER = "x-simulator-reset";

/** Settings that every simulated provider has. Every "every" counts requests that were within the limit; 0: never. */
export const commonBehaviour = {
  latencyMs: z.number().int().min(0).default(100),
  /** The latency of each answer varies by as much, up and down. */
  jitterMs: z.number().int().min(0).default(30),
  /** 1: the provider's limits are kept to, and exceeding them is answered as the provider does. 0: no limits. */
  limited: z.number().int().min(0).max(1).default(1),
  /** Each n-th request gets HTTP 500. */
  errorEvery: z.number().int().min(0).default(0),
  /** Each n-th request gets its connection reset, after it was processed (and charged). */
  resetEvery: z.number().int().min(0).default(0),
  /** Each n-th request gets a maintenance page: HTML with status 200. */
  htmlEvery: z.number().int().min(0).default(0),
  /** Each n-th request is answered this late. */
  slowEvery: z.number().int().min(0).default(0),
  slowMs: z.number().int().min(0).default(60_000),
};

export interface CommonBehaviour {
  latencyMs: number;
  jitterMs: number;
  limited: number;
  errorEvery: number;
  resetEvery: number;
  htmlEvery: number;
  slowEvery: number;
  slowMs: number;
}

/** At most so many arrivals in any period. */
export interface Window {
  limit: number;
  periodMs: number;
}

/** Who keeps to a limit: notes an arrival, and says whether it was within it. */
export interface Admission {
  admit(atMs: number): boolean;
}

/** Arrivals within sliding windows. */
export class ArrivalWindows implements Admission {
  readonly #windows: readonly Window[];
  readonly #longestMs: number;
  #arrivals: number[] = [];

  constructor(windows: readonly Window[]) {
    this.#windows = windows;
    this.#longestMs = Math.max(...windows.map(({ periodMs }) => periodMs));
  }

  /** Notes an arrival; false when it is one too many for some window. Refused ones count as real providers count them: not. */
  admit(atMs: number): boolean {
    while ((this.#arrivals[0] ?? Number.POSITIVE_INFINITY) <= atMs - this.#longestMs) this.#arrivals.shift();
    const within = (periodMs: number) => {
      let count = 0;
      for (let at = this.#arrivals.length - 1; at >= 0 && (this.#arrivals[at] ?? 0) > atMs - periodMs; at--)
        count++;
      return count;
    };
    if (this.#windows.some(({ limit, periodMs }) => within(periodMs) >= limit)) return false;
    this.#arrivals.push(atMs);
    return true;
  }
}

/** What a simulated provider has seen and charged: enough to prove that nothing was asked too fast or paid twice. */
export class CallLedger {
  #counts: Record<string, number> = { calls: 0, rateLimited: 0, errors: 0, resets: 0, htmlPages: 0, slow: 0 };
  readonly #charges = new Map<string, { times: number; costMicros: number }>();
  #chargedMicros = 0;
  #firstAt: string | null = null;
  #lastAt: string | null = null;

  count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
    if (what !== "calls") return;
    this.#lastAt = new Date().toISOString();
    this.#firstAt ??= this.#lastAt;
  }

  get calls(): number {
    return this.#counts.calls ?? 0;
  }

  get accepted(): number {
    return this.calls - (this.#counts.rateLimited ?? 0);
  }

  /** Notes that something was charged. `subject` is what was asked about. */
  charge(subject: string, costMicros: number): void {
    const before = this.#charges.get(subject) ?? { times: 0, costMicros: 0 };
    this.#charges.set(subject, { times: before.times + 1, costMicros: before.costMicros + costMicros });
    this.#chargedMicros += costMicros;
  }

  report() {
    const twice = [...this.#charges].filter(([, { times }]) => times > 1).map(([subject]) => subject);
    return {
      ...this.#counts,
      firstCallAt: this.#firstAt,
      lastCallAt: this.#lastAt,
      charged: {
        micros: this.#chargedMicros,
        subjects: this.#charges.size,
        chargedTwice: twice.length,
        chargedTwiceList: twice.slice(0, 100),
      },
    };
  }

  /** What was charged, by subject. */
  charges(): Record<string, number> {
    return Object.fromEntries([...this.#charges].map(([subject, { costMicros }]) => [subject, costMicros]));
  }
}

/** A provider that can be simulated: `catalog.ts` lists them. */
export interface SimulatorFactory {
  slug: string;
  /** Names of its settings; `latencyMs` is set by SIMULATOR_<SLUG>_LATENCY_MS. All are numbers. */
  settings: readonly string[];
  /**
   * @param siblings those before it on the same server, by slug: some providers share a limit
   * @throws ZodError for unknown or wrong settings
   */
  create(options?: Record<string, unknown>, siblings?: ReadonlyMap<string, Simulator>): Simulator;
}

export interface SimulatorParts<Shape extends z.ZodRawShape> {
  slug: string;
  /** `{ ...commonBehaviour, … }` */
  behaviour: Shape;
  env(baseUrl: string): Record<string, string>;
  /**
   * Adds the provider's routes. `guard(limit, tooFast)` makes a middleware that notes the call, keeps to the limit,
   * plays bad days and takes the provider's time; `tooFast` answers as the provider does past its limit.
   */
  routes(app: SimulatorApp, tools: SimulatorTools<z.output<z.ZodObject<Shape>>>): void;
}

export interface SimulatorTools<Behaviour> {
  behaviour(): Behaviour;
  ledger(): CallLedger;
  siblings: ReadonlyMap<string, Simulator>;
  guard(
    limit: readonly Window[] | Admission,
    tooFast: (c: Context<SimulatorEnv>) => Response,
  ): MiddlewareHandler<SimulatorEnv>;
}

const MAINTENANCE = `<!DOCTYPE html><html><head><title>Maintenance (simulator)</title></head><body>Back soon.</body></html>`;

/** Puts a simulated provider together. */
export function defineSimulator<Shape extends z.ZodRawShape & typeof commonBehaviour>(
  parts: SimulatorParts<Shape>,
): SimulatorFactory {
  return {
    slug: parts.slug,
    settings: Object.keys(parts.behaviour),
    create: (options = {}, siblings = new Map()) => createSimulator(parts, options, siblings),
  };
}

function createSimulator<Shape extends z.ZodRawShape & typeof commonBehaviour>(
  parts: SimulatorParts<Shape>,
  options: Record<string, unknown>,
  siblings: ReadonlyMap<string, Simulator>,
): Simulator {
  type Behaviour = z.output<z.ZodObject<Shape>> & CommonBehaviour;
  const schema = z.strictObject(parts.behaviour);
  let behaviour = schema.parse(options) as Behaviour;
  let ledger = new CallLedger();
  const app: SimulatorApp = new Hono();
  app.use(async (c, next) => {
    await next();
    c.header("x-simulator", parts.slug);
  });
  parts.routes(app, {
    behaviour: () => behaviour,
    ledger: () => ledger,
    siblings,
    guard: (limit, tooFast) => {
      const arrivals = "admit" in limit ? limit : new ArrivalWindows(limit);
      return async (c, next) => {
        const book = ledger;
        book.count("calls");
        if (behaviour.limited === 1 && !arrivals.admit(arrivalOf(c.env?.incoming))) {
          book.count("rateLimited");
          return tooFast(c);
        }
        const turn = book.accepted;
        if (isTurn(turn, behaviour.errorEvery)) {
          book.count("errors");
          return c.json({ error: "internal error (simulator)" }, 500);
        }
        if (isTurn(turn, behaviour.htmlEvery)) {
          book.count("htmlPages");
          return c.html(MAINTENANCE);
        }
        const slow = isTurn(turn, behaviour.slowEvery);
        if (slow) book.count("slow");
        const jitterMs = (chance(turn, `${parts.slug} jitter`) * 2 - 1) * behaviour.jitterMs;
        const latencyMs = slow ? behaviour.slowMs : behaviour.latencyMs + jitterMs;
        if (latencyMs > 0) await sleep(latencyMs);
        await next();
        if (isTurn(turn, behaviour.resetEvery)) {
          book.count("resets");
          c.env?.incoming?.socket.destroy();
          c.res = c.text("", 502, { [RESET_HEADER]: "1" });
        }
        return undefined;
      };
    },
  });
  return {
    slug: parts.slug,
    app,
    env: parts.env,
    behaviour: () => ({ ...behaviour }),
    configure(changes) {
      behaviour = schema.parse({ ...behaviour, ...changes }) as Behaviour;
    },
    ledger: () => ({ simulator: parts.slug, ...ledger.report() }),
    charges: () => ledger.charges(),
    forget() {
      ledger = new CallLedger();
    },
  };
}

export const isTurn = (turn: number, every: number): boolean => every > 0 && turn % every === 0;
