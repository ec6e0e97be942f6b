/** The environment, read and checked once, all problems reported together. */
import { z } from "zod";
import { rootKeysSchema } from "./platform/vault.ts";
import { catalog } from "./providers/catalog.ts";

const port = z.coerce.number().int().min(0).max(65_535);
/** Random: too long to be guessed. */
const serviceKey = z.string().min(32);
const origins = z
  .string()
  .default("")
  .transform((list) =>
    list
      .split(",")
      .map((origin) => origin.trim())
      .filter(Boolean),
  )
  .pipe(
    z.array(z.url({ protocol: /^https?$/ }).refine((url) => URL.parse(url)?.origin === url, "is no origin")),
  );
const positiveMs = z.coerce.number().int().positive();

type Catalog = typeof catalog;
type EnvOf<Definition> = Definition extends { env: infer Env } ? Env : never;
type Intersection<Union> = (Union extends unknown ? (value: Union) => void : never) extends (
  value: infer All,
) => void
  ? All
  : never;

/** Variables of all providers in the catalog. */
const providerEnv = Object.assign({}, ...Object.values(catalog).map(({ env }) => env)) as Intersection<
  EnvOf<Catalog[keyof Catalog]>
>;

/** Every variable the app reads. Keep `.env.example` and docker-compose.yml in step: a test compares them. */
export const configSchema = z.object({
  NODE_ENV: z.enum(["development", "test", "production"]).default("production"),
  /** Where to listen. */
  HOST: z.string().min(1).default("127.0.0.1"),
  PORT: port.default(3000),
  /** Where the engine reaches this app; default http://HOST:PORT. */
  APP_URL: z.url().optional(),
  /** Where providers reach this app, from outside; default APP_URL. */
  PUBLIC_URL: z.url().optional(),
  /** What services of ours send as X-Service-Key: they may do everything. Unset: users and API keys only. */
  SERVICE_KEY: serviceKey.optional(),
  /** While the key is changed: the former one, which is accepted, too. */
  SERVICE_KEY_PREVIOUS: serviceKey.optional(),
  /** What secrets are sealed under: `k2:<base64 of 32 bytes>,k1:<…>`, the current key first. */
  SECRET_KEYS: rootKeysSchema,
  /** Sites whose pages may call the API from a browser: origins such as https://app.example.ro, with commas between. */
  CORS_ORIGINS: origins,
  /** Requests of one caller; API keys may have a limit of their own, services have none. */
  RATE_LIMIT_PER_MINUTE: z.coerce.number().int().positive().default(100),
  /** Proxies of yours in front of the app: so many addresses at the end of X-Forwarded-For are believed. */
  TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(0),
  DATABASE_URL: z.url(),
  REDIS_URL: z.url(),
  INNGEST_BASE_URL: z.url(),
  INNGEST_EVENT_KEY: z.string().min(1),
  INNGEST_SIGNING_KEY: z.string().min(1),
  INNGEST_SIGNING_KEY_FALLBACK: z.string().min(1).optional(),
  /** Uploaded files wait here to be imported. Replicas must share it. */
  UPLOAD_DIR: z.string().min(1).default(".local/uploads"),
  /** Largest upload, in bytes (default 4 GiB: the whole registry is under 1). */
  MAX_UPLOAD_BYTES: z.coerce.number().int().positive().default(4_294_967_296),
  ...providerEnv,
  /** off: asks providers as fast as they answer. For benchmarks against simulators; real ones would lock us out. */
  PROVIDER_LIMITS: z.enum(["on", "off"]).default("on"),
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
  /** Events that no run has taken up are sent again after this long, then twice as long, and so on. */
  OUTBOX_RESEND_MS: positiveMs.default(15_000),
  /** Work that has not ended by then is started again with a new attempt, and the old one is fenced off. */
  FIELD_DEADLINE_MS: positiveMs.default(900_000),
  /** Work whose run has failed is requested again after this long, then twice as long, and so on. */
  FIELD_RETRY_MS: positiveMs.default(30_000),
  /** What Prometheus sends to /metrics as `Authorization: Bearer …`. Unset: there is no such page. */
  METRICS_KEY: z.string().min(16).optional(),
  /** OTLP endpoint for traces and metrics; unset: none are sent. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
});

export type Config = Readonly<z.infer<typeof configSchema> & { appUrl: string }>;

type Environment = Record<string, string | undefined>;

/**
 * Reads the app's configuration from an environment.
 * @throws Error that lists every problem, by variable, without echoing values
 */
export function loadConfig(env: Environment): Config {
  const config = readEnvironment(configSchema, env);
  return Object.freeze({ ...config, appUrl: config.APP_URL ?? `http://${config.HOST}:${config.PORT}` });
}

function readEnvironment<Schema extends z.ZodType>(schema: Schema, env: Environment): z.output<Schema> {
  // An empty variable (`X=` in an env file) means "not set".
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`The environment is not complete:\n  ${problems.join("\n  ")}`);
}

/** The configuration of this process. */
export const configFromProcess = (): Config => loadConfig(process.env);

/** All that `npm run vault:rotate` needs. */
export const rotationConfigFromProcess = () =>
  readEnvironment(configSchema.pick({ DATABASE_URL: true, SECRET_KEYS: true }), process.env);
