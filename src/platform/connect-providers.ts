/** From the catalog of providers to gateways: one for each operation of each provider whose credentials are given. */
import { z } from "zod";
import type { Db } from "#db/client.ts";
import { type Breaker, createBreaker } from "./breaker.ts";
import { createProviderBlock, type ProviderBlock } from "./gateway/block.ts";
import { createOutageClock } from "./gateway/outage-clock.ts";
import { createSlots } from "./gateway/slots.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import { createLimiter, type Limiter } from "./limiter.ts";
import type { Logger } from "./logger.ts";
import type { Operations, ProviderDefinition, ProviderOperation, RateLimit } from "./provider.ts";
import type { Redis } from "./redis.ts";

// biome-ignore lint/suspicious/noExplicitAny: what definitions have in common, whatever they read and offer
export type Catalog = Record<string, ProviderDefinition<any, any>>;

type OperationsOf<Definition> =
  Definition extends ProviderDefinition<infer _Env, infer Ops extends Operations> ? Ops : never;

/** `providers.<key>?.<operation>`: undefined while the provider is off. */
export type Gateways<Providers extends Catalog> = {
  [Key in keyof Providers]:
    | {
        [Name in keyof OperationsOf<Providers[Key]>]: OperationsOf<
          Providers[Key]
        >[Name] extends ProviderOperation<infer Subject, infer Body>
          ? Gateway<Subject, Body>
          : never;
      }
    | undefined;
};

/** A provider as it runs in this process. */
export interface ProviderRuntime {
  slug: string;
  /** Whose account is used. `none`: it has no accounts. `unreadable`: the workspace's own do not open, so it is off. */
  credentials: "none" | "missing" | "environment" | "workspace" | "unreadable";
  /** False: it is asked at a base URL of this installation's own, such as a simulator's. */
  live: boolean;
  /** Null: off, because its credentials are not given. */
  operations: Operations | null;
  breaker: Breaker;
  block: ProviderBlock;
  /** By name. */
  limits: ReadonlyMap<string, { limit: RateLimit; limiter: Limiter }>;
  /** Undefined: it offers no check. */
  check: ((signal: AbortSignal) => Promise<void>) | undefined;
}

export interface ConnectDeps {
  db: Db;
  redis: Redis;
  logger: Logger;
  now: () => Date;
  /** False: no limits, for benchmarks against simulators. */
  limited: boolean;
  /** After a process has died, its questions are free again within this time; default 15 s. */
  leaseMs?: number;
}

export interface Connected<Providers extends Catalog> {
  gateways: Gateways<Providers>;
  runtimes: readonly ProviderRuntime[];
}

/** 10 calls, 5 failures, 60 s: for every provider the same. */
const BREAKER = { window: 10, failures: 5, openMs: 60_000 };

/**
 * @param env holds the variables of all definitions, validated
 * @param account names one that is not the environment's: limits and blocks are then its own
 * @throws Error when two operations state different limits under the same name
 */
export function connectProviders<Providers extends Catalog>(
  deps: ConnectDeps,
  catalog: Providers,
  env: Record<string, unknown>,
  account: string | null = null,
): Connected<Providers> {
  const { db, redis, logger, now, leaseMs } = deps;
  const shared = new Map<string, { limit: RateLimit; limiter: Limiter }>();
  const limitOf = (limit: RateLimit) => {
    const known = shared.get(limit.name);
    if (known) {
      if (JSON.stringify(known.limit.windows) !== JSON.stringify(limit.windows)) {
        throw new Error(`The limit ${limit.name} is stated in two ways`);
      }
      return known;
    }
    const { marginMs } = limit;
    const name = account === null ? limit.name : `${limit.name}:${account}`;
    const windows = deps.limited ? limit.windows : [];
    const limiter = createLimiter(redis, { name, windows, ...(marginMs === undefined ? {} : { marginMs }) });
    const made = { limit, limiter };
    shared.set(limit.name, made);
    return made;
  };

  const gateways: Record<string, Record<string, Gateway<unknown, unknown>> | undefined> = {};
  const runtimes: ProviderRuntime[] = [];
  for (const [key, definition] of Object.entries(catalog)) {
    const { slug } = definition;
    const operations: Operations | null = definition.connect(env as z.output<z.ZodObject>);
    const breaker = createBreaker({ ...BREAKER, now });
    const block = createProviderBlock(redis, account === null ? slug : `${slug}:${account}`, now);
    const outage = createOutageClock(now);
    const limits = new Map<string, { limit: RateLimit; limiter: Limiter }>();
    if (operations) {
      gateways[key] = Object.fromEntries(
        Object.entries(operations).map(([name, operation]) => {
          const { limit, limiter } = limitOf(operation.limit);
          const slots = createSlots(operation.limit.inFlight);
          limits.set(limit.name, { limit, limiter });
          const parts = {
            db,
            logger,
            now,
            limiter,
            slots,
            breaker,
            block,
            outage,
            ...(leaseMs ? { leaseMs } : {}),
          };
          return [name, createGateway(parts, slug, operation)];
        }),
      );
    }
    const check = definition.healthCheck;
    runtimes.push({
      slug,
      credentials: credentialsOf(definition, operations),
      live: isLive(definition, env),
      operations,
      breaker,
      block,
      limits,
      check: operations && check ? (signal) => check(env as z.output<z.ZodObject>, { signal }) : undefined,
    });
  }
  return { gateways: gateways as Gateways<Providers>, runtimes };
}

function credentialsOf({ credentials }: Catalog[string], operations: Operations | null) {
  if (!credentials) return "none";
  return operations ? "environment" : "missing";
}

/** Whether it is asked where its definition says by default, and no simulator stands in for it. */
function isLive(definition: Catalog[string], env: Record<string, unknown>): boolean {
  const schemas = Object.entries(definition.env as z.ZodRawShape);
  const places = schemas.filter(([name]) => name.endsWith("_BASE_URL") || name.endsWith("_SIMULATOR_URL"));
  return places.every(([name, schema]) => env[name] === z.safeParse(schema, undefined).data);
}
