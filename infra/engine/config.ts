import { z } from "zod";

const schema = z
  .object({
    ENGINE_HOST: z.string().min(1).default("127.0.0.1"),
    ENGINE_PORT: z.coerce.number().int().min(0).max(65_535).default(8288),
    ENGINE_DATABASE_URL: z.string().min(1),
    INNGEST_EVENT_KEY: z.string().optional(),
    INNGEST_SIGNING_KEY: z.string().optional(),
    INNGEST_SIGNING_KEY_FALLBACK: z.string().optional(),
    ENGINE_LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
    ENGINE_RETRY_SCALE: z.coerce.number().min(0).max(100).default(1),
    ENGINE_MAX_IN_FLIGHT: z.coerce.number().int().min(1).max(10_000).default(200),
    ENGINE_RETENTION_HOURS: z.coerce.number().min(0).default(72),
    ENGINE_LOCK_WAIT_MS: z.coerce.number().int().min(0).default(15_000),
    ENGINE_REQUEST_TIMEOUT_MS: z.coerce
      .number()
      .int()
      .min(1_000)
      .default(2 * 3_600_000),
  })
  .transform((env) => ({
    host: env.ENGINE_HOST,
    port: env.ENGINE_PORT,
    databaseUrl: env.ENGINE_DATABASE_URL,
    eventKeys: (env.INNGEST_EVENT_KEY ?? "").split(",").filter(Boolean),
    signingKeys: [env.INNGEST_SIGNING_KEY, env.INNGEST_SIGNING_KEY_FALLBACK].filter(
      (key) => key !== undefined && key !== "",
    ) as string[],
    /** No signing key: nothing is checked or signed, and only this machine may connect. */
    devMode: !env.INNGEST_SIGNING_KEY,
    logLevel: env.ENGINE_LOG_LEVEL,
    /** Multiplies the retry delays; 1 is what a real server does. */
    retryScale: env.ENGINE_RETRY_SCALE,
    /** Calls to apps at once, over all functions. */
    maxInFlight: env.ENGINE_MAX_IN_FLIGHT,
    /** How long events and finished runs are kept. */
    retentionMs: env.ENGINE_RETENTION_HOURS * 3_600_000,
    /** How long to wait for an engine that was just killed to lose its lock on the database. */
    lockWaitMs: env.ENGINE_LOCK_WAIT_MS,
    /** How long one call to the app may take. */
    requestTimeoutMs: env.ENGINE_REQUEST_TIMEOUT_MS,
  }));

export type EngineConfig = z.infer<typeof schema>;

/** The engine's configuration from its environment; throws one sentence that names every bad variable. */
export function loadConfig(env: Record<string, string | undefined>): EngineConfig {
  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`The engine's environment is not valid: ${problems.join("; ")}.`);
  }
  const config = parsed.data;
  if (config.devMode && !["127.0.0.1", "::1", "localhost"].includes(config.host)) {
    throw new Error(
      `Without INNGEST_SIGNING_KEY the engine binds to loopback only; ENGINE_HOST is "${config.host}".`,
    );
  }
  if (!config.devMode && config.eventKeys.length === 0) {
    throw new Error("INNGEST_EVENT_KEY is missing: with a signing key the engine also needs an event key.");
  }
  for (const key of config.signingKeys) {
    if (!/^(signkey-\w+-)?([0-9a-f]{2})+$/i.test(key)) {
      throw new Error("A signing key must be hexadecimal with an even number of digits.");
    }
  }
  return Object.freeze(config);
}
