import { z } from "zod";
import { expressionProblem } from "../expressions.ts";
import { cronProblem } from "../scheduler/cron.ts";
import { parseDurationMs } from "./durations.ts";
import { uuidFromName } from "./ids.ts";

/** Where a run may start from. `expression` null means always. */
export type Trigger = { event: string; expression: string | null } | { cron: string; jitterMs: number };

/** One concurrency limit; `key` null counts all of the function's (or scope's) steps together. */
export interface ConcurrencyLimit {
  limit: number;
  key: string | null;
  scope: "fn" | "env" | "account";
}

export interface Throttle {
  limit: number;
  periodMs: number;
  burst: number;
  key: string | null;
}

/** What events go through before a run is made of them. */
export interface Gates {
  /** Events over any of these are dropped; `idempotency` is one of 1 in 24 hours. */
  rateLimits: { limit: number; periodMs: number; key: string | null }[];
  /** Only the last of events that follow each other closely starts a run; `maxMs` bounds the wait. */
  debounce: { periodMs: number; maxMs: number | null; key: string | null } | null;
  /** Events are collected into one run; those for which `expression` is not true run alone. */
  batch: { maxSize: number; timeoutMs: number; key: string | null; expression: string | null } | null;
  /** One run at a time: a second event is dropped, or ends the run that goes on. */
  singleton: { key: string | null; mode: "skip" | "cancel" } | null;
}

/** A function as the engine runs it: checked, with defaults filled in. */
export interface FunctionSpec {
  id: string;
  slug: string;
  name: string;
  appId: string;
  /** The app's URL for this function's calls, with `fnId` and `stepId=step`. */
  url: string;
  triggers: Trigger[];
  /** Attempts in all: retries + 1. */
  maxAttempts: number;
  concurrency: ConcurrencyLimit[];
  throttle: Throttle | null;
  /** Expression for seconds (-600 to 600) by which a run jumps ahead. */
  priority: string | null;
  /** Null when every event that matches starts a run. */
  gates: Gates | null;
  /** Events that cancel a run, up to `timeoutMs` after it was made. */
  cancelOn: { event: string; expression: string | null; timeoutMs: number | null }[];
  /** How long a run may wait to be started, and go on after that, before it is cancelled. */
  timeouts: { startMs: number | null; finishMs: number | null };
}

const DAY_MS = 86_400_000;

const key = z.string().min(1).optional();
const limitSchema = z.strictObject({
  limit: z.int().min(0),
  key: z.string().min(1).optional(),
  scope: z.enum(["fn", "env", "account"]).optional(),
});

const functionSchema = z.looseObject({
  id: z.string().min(1).max(256),
  name: z.string().optional(),
  triggers: z.array(
    z.union([
      z.strictObject({ event: z.string().min(1), expression: z.string().optional() }),
      z.strictObject({ cron: z.string().min(1), jitter: z.string().optional() }),
    ]),
  ),
  steps: z.object({
    step: z.looseObject({
      runtime: z.object({ type: z.string(), url: z.url() }),
      retries: z.object({ attempts: z.int().min(0).max(20).optional() }).optional(),
    }),
  }),
  concurrency: z.union([z.int().min(0), limitSchema, z.array(limitSchema).max(2)]).optional(),
  throttle: z
    .strictObject({
      limit: z.int().min(1),
      period: z.string(),
      burst: z.int().min(0).optional(),
      key: z.string().min(1).optional(),
    })
    .optional(),
  priority: z.strictObject({ run: z.string().min(1).optional() }).optional(),
  idempotency: z.string().min(1).optional(),
  rateLimit: z.strictObject({ limit: z.int().min(1), period: z.string(), key }).optional(),
  debounce: z.strictObject({ period: z.string(), timeout: z.string().optional(), key }).optional(),
  batchEvents: z
    .strictObject({ maxSize: z.int().min(1).max(1_000), timeout: z.string(), key, if: key })
    .optional(),
  singleton: z.strictObject({ mode: z.enum(["skip", "cancel"]), key }).optional(),
  cancel: z
    .array(z.strictObject({ event: z.string().min(1), if: key, timeout: z.string().optional() }))
    .max(5)
    .optional(),
  timeouts: z.strictObject({ start: z.string().optional(), finish: z.string().optional() }).optional(),
});
type Config = z.infer<typeof functionSchema>;

/** A function's spec, or the sentences saying why it cannot be served; each names option and function. */
export function readFunction(raw: unknown, appId: string): { spec: FunctionSpec } | { problems: string[] } {
  const slug = typeof raw === "object" && raw !== null && "id" in raw ? String(raw.id) : "(no id)";
  const parsed = functionSchema.safeParse(raw);
  if (!parsed.success) {
    return {
      problems: parsed.error.issues.map(
        (issue) => `Function "${slug}": option "${issue.path.join(".")}" is not valid: ${issue.message}.`,
      ),
    };
  }
  const config = parsed.data;
  const problems: string[] = [];
  const spec: FunctionSpec = {
    id: uuidFromName(`function ${slug}`),
    slug,
    name: config.name ?? slug,
    appId,
    url: config.steps.step.runtime.url,
    triggers: config.triggers.map((trigger) =>
      "cron" in trigger
        ? { cron: trigger.cron, jitterMs: durationOf(trigger.jitter) ?? 0 }
        : { event: trigger.event, expression: trigger.expression ?? null },
    ),
    maxAttempts: (config.steps.step.retries?.attempts ?? 4) + 1,
    concurrency: readConcurrency(config.concurrency),
    throttle: config.throttle
      ? {
          limit: config.throttle.limit,
          periodMs: durationOf(config.throttle.period),
          burst: Math.max(1, config.throttle.burst ?? 1),
          key: config.throttle.key ?? null,
        }
      : null,
    priority: config.priority?.run ?? null,
    gates: readGates(config),
    cancelOn: (config.cancel ?? []).map((on) => ({
      event: on.event,
      expression: on.if ?? null,
      timeoutMs: durationOf(on.timeout),
    })),
    timeouts: { startMs: durationOf(config.timeouts?.start), finishMs: durationOf(config.timeouts?.finish) },
  };
  if (config.triggers.some((trigger) => "event" in trigger && trigger.event === "inngest/deferred.schedule"))
    problems.push(
      `Function "${slug}" is a deferred one ("defer"), which the local engine does not support yet.`,
    );
  if (config.steps.step.runtime.type !== "http") {
    problems.push(
      `Function "${slug}" is served over "${config.steps.step.runtime.type}"; the local engine calls apps over HTTP only.`,
    );
  }
  problems.push(...expressionProblems(spec), ...numberProblems(spec));
  return problems.length > 0 ? { problems } : { spec };
}

/** Milliseconds; null when not given, NaN when it is no duration. */
function durationOf<T extends string | undefined>(text: T): T extends string ? number : number | null;
function durationOf(text: string | undefined): number | null {
  return text === undefined ? null : (parseDurationMs(text) ?? Number.NaN);
}

function readGates({ idempotency, rateLimit, debounce, batchEvents, singleton }: Config): Gates | null {
  const rateLimits: Gates["rateLimits"] = [];
  if (idempotency) rateLimits.push({ limit: 1, periodMs: DAY_MS, key: idempotency });
  if (rateLimit)
    rateLimits.push({
      limit: rateLimit.limit,
      periodMs: durationOf(rateLimit.period),
      key: rateLimit.key ?? null,
    });
  if (rateLimits.length === 0 && !debounce && !batchEvents && !singleton) return null;
  return {
    rateLimits,
    debounce: debounce
      ? {
          periodMs: durationOf(debounce.period),
          maxMs: durationOf(debounce.timeout),
          key: debounce.key ?? null,
        }
      : null,
    batch: batchEvents
      ? {
          maxSize: batchEvents.maxSize,
          timeoutMs: durationOf(batchEvents.timeout),
          key: batchEvents.key ?? null,
          expression: batchEvents.if ?? null,
        }
      : null,
    singleton: singleton ? { mode: singleton.mode, key: singleton.key ?? null } : null,
  };
}

function readConcurrency(raw: z.infer<typeof functionSchema>["concurrency"]): ConcurrencyLimit[] {
  if (raw === undefined) return [];
  const list = typeof raw === "number" ? [{ limit: raw }] : Array.isArray(raw) ? raw : [raw];
  return list
    .filter((item) => item.limit > 0)
    .map((item) => ({
      limit: item.limit,
      key: "key" in item ? (item.key ?? null) : null,
      scope: "scope" in item ? (item.scope ?? "fn") : "fn",
    }));
}

function expressionProblems(spec: FunctionSpec): string[] {
  const sources: [string, string | null][] = [
    ["throttle.key", spec.throttle?.key ?? null],
    ["priority.run", spec.priority],
    ...(spec.gates?.rateLimits ?? []).map((rule): [string, string | null] => [
      "idempotency / rateLimit.key",
      rule.key,
    ]),
    ["debounce.key", spec.gates?.debounce?.key ?? null],
    ["batchEvents.key", spec.gates?.batch?.key ?? null],
    ["batchEvents.if", spec.gates?.batch?.expression ?? null],
    ["singleton.key", spec.gates?.singleton?.key ?? null],
    ...spec.cancelOn.map((on): [string, string | null] => ["cancelOn.if", on.expression]),
    ...spec.concurrency.map((limit): [string, string | null] => ["concurrency.key", limit.key]),
    ...spec.triggers.map((t): [string, string | null] => ["if", "event" in t ? t.expression : null]),
  ];
  return sources.flatMap(([option, source]) => {
    const problem = source === null ? null : expressionProblem(source);
    return problem
      ? [`Function "${spec.slug}": the expression of "${option}" cannot be parsed: ${problem}.`]
      : [];
  });
}

function numberProblems(spec: FunctionSpec): string[] {
  const problems: string[] = [];
  const { gates, timeouts } = spec;
  const durations: [string, number | null | undefined, number, number][] = [
    ["throttle.period", spec.throttle?.periodMs, 1_000, 7 * DAY_MS],
    ...(gates?.rateLimits ?? []).map((rule): [string, number, number, number] => [
      "rateLimit.period",
      rule.periodMs,
      1_000,
      DAY_MS,
    ]),
    ["debounce.period", gates?.debounce?.periodMs, 1_000, 7 * DAY_MS],
    ["debounce.timeout", gates?.debounce?.maxMs, 1_000, 366 * DAY_MS],
    ["batchEvents.timeout", gates?.batch?.timeoutMs, 1_000, 7 * DAY_MS],
    ["timeouts.start", timeouts.startMs, 0, 366 * DAY_MS],
    ["timeouts.finish", timeouts.finishMs, 0, 366 * DAY_MS],
    ...spec.cancelOn.map((on): [string, number | null, number, number] => [
      "cancelOn.timeout",
      on.timeoutMs,
      0,
      366 * DAY_MS,
    ]),
    ...spec.triggers.map((trigger): [string, number, number, number] => [
      "jitter",
      "cron" in trigger ? trigger.jitterMs : 0,
      0,
      DAY_MS,
    ]),
  ];
  for (const [option, ms, least, most] of durations) {
    if (ms === null || ms === undefined || (ms >= least && ms <= most)) continue;
    const range = `from ${least / 1_000}s to ${most / DAY_MS}d`;
    problems.push(`Function "${spec.slug}": the option "${option}" must be a duration ${range}.`);
  }
  if (gates?.batch) {
    const others: [string, boolean][] = [
      ["rateLimit or idempotency", gates.rateLimits.length > 0],
      ["debounce", gates.debounce !== null],
      ["singleton", gates.singleton !== null],
      ["cancelOn", spec.cancelOn.length > 0],
      ["priority", spec.priority !== null],
    ];
    for (const [option, used] of others)
      if (used)
        problems.push(
          `Function "${spec.slug}": "batchEvents" cannot be combined with the option "${option}".`,
        );
  }
  for (const limit of spec.concurrency) {
    if (limit.scope !== "fn" && limit.key === null) {
      problems.push(
        `Function "${spec.slug}": the option "concurrency" with scope "${limit.scope}" needs a key.`,
      );
    }
  }
  for (const trigger of spec.triggers) {
    const problem = "cron" in trigger ? cronProblem(trigger.cron) : null;
    if (problem) problems.push(`Function "${spec.slug}": the option "cron" is not valid: ${problem}.`);
  }
  return problems;
}
