import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { StackError } from "./errors.ts";

const keysSchema = z.object({
  /** What the app sends events with. */
  eventKey: z.string().min(16),
  /** What engine and app sign their calls with: hex, as Inngest wants it. */
  signingKey: z.string().regex(/^[0-9a-f]{64}$/),
  redisPassword: z.string().min(16),
  /** What the app seals secrets under: its SECRET_KEYS. */
  secretKeys: z.string().min(16),
  /** What opens the app's API: its SERVICE_KEY. */
  serviceKey: z.string().min(32),
  /** What opens the app's /metrics. */
  metricsKey: z.string().min(16),
});

/** Secrets of one data folder: made once, so that a second start can read what the first one stored. */
export type Keys = z.infer<typeof keysSchema>;

/** Reads the keys from `file`, and makes those that it does not hold yet (mode 0600). */
export function loadKeys(file: string): Keys {
  const parsed = keysSchema
    .partial()
    .safeParse(existsSync(file) ? parseJson(readFileSync(file, "utf8")) : {});
  if (!parsed.success) {
    throw new StackError(`${file} does not hold the stack's keys; delete it to have new ones made.`);
  }
  const keys: Keys = {
    eventKey: randomBytes(24).toString("hex"),
    signingKey: randomBytes(32).toString("hex"),
    redisPassword: randomBytes(24).toString("hex"),
    secretKeys: `k1:${randomBytes(32).toString("base64")}`,
    serviceKey: randomBytes(32).toString("hex"),
    metricsKey: randomBytes(24).toString("hex"),
    ...parsed.data,
  };
  if (Object.keys(parsed.data).length === Object.keys(keys).length) return keys;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(keys, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.${process.pid}`, file);
  return keys;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
