import { z } from "zod";
import { expressionProblem } from "../expressions.ts";
import { cronProblem } from "../scheduler/cron.ts";
import { parseDurationMs } from "./durations.ts";
import { uuidFromName } from "./ids.ts";

/** Where a run may start from. `expression` null means always. */
export type Trigger = { event: string; expression: string | null } | { cron: string };

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
}

/** Options that a real server knows and this engine does not do yet. */
const UNSUPPORTED = [
  ["idempotency", "idempotency"],
  ["batchEvents", "batchEvents"],
  ["rateLimit", "rateLimit"],
  ["debounce", "debounce"],
  ["singleton", "singleton"],
  ["cancel", "cancelOn"],
  ["timeouts", "timeouts"],
] as const;

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
});

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
  for (const [field, option] of UNSUPPORTED) {
    const value = config[field];
    if (value !== undefined && !(Array.isArray(value) && value.length === 0)) {
      problems.push(
        `Function "${slug}" uses the option "${option}", which the local engine does not support yet.`,
      );
    }
  }
  const spec: FunctionSpec = {
    id: uuidFromName(`function ${slug}`),
    slug,
    name: config.name ?? slug,
    appId,
    url: config.steps.step.runtime.url,
    triggers: config.triggers.map((trigger) =>
      "cron" in trigger
        ? { cron: trigger.cron }
        : { event: trigger.event, expression: trigger.expression ?? null },
    ),
    maxAttempts: (config.steps.step.retries?.attempts ?? 4) + 1,
    concurrency: readConcurrency(config.concurrency),
    throttle: config.throttle
      ? {
          limit: config.throttle.limit,
          periodMs: parseDurationMs(config.throttle.period) ?? Number.NaN,
          burst: Math.max(1, config.throttle.burst ?? 1),
          key: config.throttle.key ?? null,
        }
      : null,
    priority: config.priority?.run ?? null,
  };
  if (config.steps.step.runtime.type !== "http") {
    problems.push(
      `Function "${slug}" is served over "${config.steps.step.runtime.type}"; the local engine calls apps over HTTP only.`,
    );
  }
  if (config.triggers.some((trigger) => "cron" in trigger && trigger.jitter !== undefined)) {
    problems.push(
      `Function "${slug}" uses the option "jitter" on a cron trigger, which the local engine does not support yet.`,
    );
  }
  problems.push(...expressionProblems(spec), ...numberProblems(spec));
  return problems.length > 0 ? { problems } : { spec };
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
  if (spec.throttle && !(spec.throttle.periodMs >= 1_000 && spec.throttle.periodMs <= 7 * 86_400_000)) {
    problems.push(`Function "${spec.slug}": the option "throttle.period" must be a duration from 1s to 7d.`);
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
