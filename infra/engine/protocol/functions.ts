import { z } from "zod";
import { expressionProblem } from "../expressions.ts";
import { cronProblem } from "../scheduler/cron.ts";
import { parseDurationMs } from "./durations.ts";
import { uuidFromName } from "./ids.ts";

const DAY_MS = 86_400_000;

/** A CEL expression. */
const expression = z
  .string()
  .min(1)
  .superRefine((text, check) => {
    const problem = expressionProblem(text);
    if (problem) check.addIssue(`cannot be parsed: ${problem}`);
  });
const maybeExpression = expression.nullable().default(null);

/** A duration as the SDK writes it, in milliseconds. */
const duration = (leastMs: number, mostMs: number) =>
  z.string().transform((text, check) => {
    const ms = parseDurationMs(text);
    if (ms !== null && ms >= leastMs && ms <= mostMs) return ms;
    check.addIssue(`must be a duration from ${leastMs / 1_000}s to ${mostMs / DAY_MS}d`);
    return z.NEVER;
  });
const timeout = duration(0, 366 * DAY_MS)
  .nullable()
  .default(null);

/** Where a run may start from: an event that the expression accepts (null: any), or the ticks of a cron. */
export type Trigger = { event: string; expression: string | null } | { cron: string; jitterMs: number };

const triggerSchema = z
  .strictObject({
    event: z.string().min(1).optional(),
    expression: maybeExpression,
    cron: z.string().min(1).optional(),
    jitter: duration(0, DAY_MS).optional(),
  })
  .transform(({ event, expression, cron, jitter }, check): Trigger => {
    const refuse = (option: string | null, message: string): void =>
      check.addIssue({ code: "custom", path: option === null ? [] : [option], message });
    if (event !== undefined) {
      if (cron !== undefined) refuse("cron", "is not for a trigger that has an event");
      if (jitter !== undefined) refuse("jitter", "goes with a cron only");
      if (event === "inngest/deferred.schedule")
        refuse(null, `name a deferred function ("defer"), which the local engine does not support yet`);
      return { event, expression };
    }
    const problem = cron === undefined ? null : cronProblem(cron);
    if (cron === undefined) refuse(null, "needs an event or a cron");
    if (problem) refuse("cron", `is not valid: ${problem}`);
    if (expression !== null) refuse("expression", "goes with an event only");
    return { cron: cron ?? "", jitterMs: jitter ?? 0 };
  });

/** One concurrency limit; `key` null counts all of the function's (or scope's) steps together. */
const concurrencySchema = z
  .strictObject({
    limit: z.int().min(0),
    key: maybeExpression,
    scope: z.enum(["fn", "env", "account"]).default("fn"),
  })
  .superRefine(({ scope, key }, check) => {
    if (scope !== "fn" && key === null) check.addIssue(`with scope "${scope}" needs a key`);
  });

const rateSchema = z
  .strictObject({ limit: z.int().min(1), period: duration(1_000, DAY_MS), key: maybeExpression })
  .transform(({ period: periodMs, ...rate }) => ({ ...rate, periodMs }));

/** The options that an app sends of a function, as the SDK names them on the wire. */
const configSchema = z.looseObject({
  id: z.string().min(1).max(256),
  name: z.string().optional(),
  triggers: z.array(triggerSchema),
  steps: z.object({
    step: z.object({
      runtime: z.object({
        type: z.literal("http", { error: "the local engine calls apps over HTTP only" }),
        url: z.url(),
      }),
      retries: z.object({ attempts: z.int().min(0).max(20).default(4) }).default({ attempts: 4 }),
    }),
  }),
  concurrency: z
    .preprocess(
      (given) => (Array.isArray(given) ? given : [typeof given === "number" ? { limit: given } : given]),
      z.array(concurrencySchema).max(2),
    )
    .transform((limits) => limits.filter(({ limit }) => limit > 0))
    .default([]),
  throttle: z
    .strictObject({
      limit: z.int().min(1),
      period: duration(1_000, 7 * DAY_MS),
      burst: z.int().min(0).default(1),
      key: maybeExpression,
    })
    .transform(({ period: periodMs, burst, ...rate }) => ({ ...rate, periodMs, burst: Math.max(1, burst) }))
    .nullable()
    .default(null),
  priority: z.strictObject({ run: maybeExpression }).default({ run: null }),
  idempotency: expression.optional(),
  rateLimit: rateSchema.optional(),
  debounce: z
    .strictObject({ period: duration(1_000, 7 * DAY_MS), timeout, key: maybeExpression })
    .transform(({ period: periodMs, timeout: maxMs, key }) => ({ periodMs, maxMs, key }))
    .nullable()
    .default(null),
  batchEvents: z
    .strictObject({
      maxSize: z.int().min(1).max(1_000),
      timeout: duration(1_000, 7 * DAY_MS),
      key: maybeExpression,
      if: maybeExpression,
    })
    .transform(({ timeout: timeoutMs, if: condition, ...size }) => ({
      ...size,
      timeoutMs,
      expression: condition,
    }))
    .nullable()
    .default(null),
  singleton: z
    .strictObject({ mode: z.enum(["skip", "cancel"]), key: maybeExpression })
    .nullable()
    .default(null),
  cancel: z
    .array(
      z
        .strictObject({ event: z.string().min(1), if: maybeExpression, timeout })
        .transform(({ event, if: condition, timeout: timeoutMs }) => ({
          event,
          expression: condition,
          timeoutMs,
        })),
    )
    .max(5)
    .default([]),
  timeouts: z
    .strictObject({ start: timeout, finish: timeout })
    .transform(({ start, finish }) => ({ startMs: start, finishMs: finish }))
    .default({ startMs: null, finishMs: null }),
});

/** A function as the engine runs it: checked, with defaults filled in. */
export type FunctionSpec = ReturnType<typeof specOf> & { appId: string };

const functionSchema = configSchema
  .superRefine((config, check) => {
    if (!config.batchEvents) return;
    const others = {
      "rateLimit or idempotency": config.rateLimit || config.idempotency,
      debounce: config.debounce,
      singleton: config.singleton,
      cancelOn: config.cancel.length > 0,
      priority: config.priority.run,
    };
    for (const [option, used] of Object.entries(others)) {
      const message = `cannot be combined with the option "${option}"`;
      if (used) check.addIssue({ code: "custom", path: ["batchEvents"], message });
    }
  })
  .transform(specOf);

function specOf(config: z.output<typeof configSchema>) {
  const { idempotency, rateLimit, debounce, batchEvents: batch, singleton } = config;
  const rateLimits = rateLimit ? [rateLimit] : [];
  if (idempotency) rateLimits.unshift({ limit: 1, periodMs: DAY_MS, key: idempotency });
  const isGated = rateLimits.length > 0 || debounce || batch || singleton;
  return {
    id: uuidFromName(`function ${config.id}`),
    slug: config.id,
    name: config.name ?? config.id,
    /** The app's URL for this function's calls, with `fnId` and `stepId=step`. */
    url: config.steps.step.runtime.url,
    triggers: config.triggers,
    /** Attempts in all: retries + 1. */
    maxAttempts: config.steps.step.retries.attempts + 1,
    concurrency: config.concurrency,
    throttle: config.throttle,
    /** Expression for seconds (-600 to 600) by which a run jumps ahead. */
    priority: config.priority.run,
    /** What events go through before a run is made of them; null when every event that matches starts one. */
    gates: isGated
      ? {
          /** Events over any of these are dropped; `idempotency` is one of 1 in 24 hours. */
          rateLimits,
          /** Only the last of events that follow each other closely starts a run; `maxMs` bounds the wait. */
          debounce,
          /** Events are collected into one run; those for which `expression` is not true run alone. */
          batch,
          /** One run at a time: a second event is dropped, or ends the run that goes on. */
          singleton,
        }
      : null,
    /** Events that cancel a run, up to `timeoutMs` after it was made. */
    cancelOn: config.cancel,
    /** How long a run may wait to be started, and go on after that, before it is cancelled. */
    timeouts: config.timeouts,
  };
}

/** A function's spec, or the sentences saying why it cannot be served; each names option and function. */
export function readFunction(raw: unknown, appId: string): { spec: FunctionSpec } | { problems: string[] } {
  const read = functionSchema.safeParse(raw);
  if (read.success) return { spec: { ...read.data, appId } };
  const slug = typeof raw === "object" && raw !== null && "id" in raw ? String(raw.id) : "(no id)";
  return {
    problems: read.error.issues.map(({ code, path, message }) => {
      const why = code === "custom" ? message : `is not valid: ${message}`;
      return `Function "${slug}": the option "${optionName(path)}" ${why}.`;
    }),
  };
}

/** How the SDK's users name an option: without places in lists, and as `createFunction` has it. */
function optionName(path: readonly PropertyKey[]): string {
  const names = path.filter((part) => typeof part === "string");
  if (names[0] === "cancel") names[0] = "cancelOn";
  if (names[0] === "triggers" && names.length > 1) names.shift();
  return names.map((name) => (name === "expression" ? "if" : name)).join(".");
}
