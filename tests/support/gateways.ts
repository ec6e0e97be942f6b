/** Gateways over operations of a test's own: everything is real but the provider. */
import { randomUUID } from "node:crypto";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import { jobs } from "#db/schema/jobs.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { type Catalog, type ConnectDeps, connectProviders } from "#src/platform/connect-providers.ts";
import type { Gateway, GatewayContext } from "#src/platform/gateway.ts";
import { createLogger, type Logger } from "#src/platform/logger.ts";
import {
  type Answer,
  defineProvider,
  type ProviderOperation,
  type RequestContext,
} from "#src/platform/provider.ts";
import { createProviderAccounts } from "#src/platform/provider-accounts.ts";
import type { Redis } from "#src/platform/redis.ts";
import { createVault, rootKeysSchema } from "#src/platform/vault.ts";
import { TEST_SECRET_KEYS } from "./secret-keys.ts";

export type Ask = (
  subjects: readonly string[],
  context: RequestContext,
) => Promise<Map<string, Answer<Said>>>;
export interface Said {
  is: string;
}

/** A provider that knows everybody, and writes down what it was asked. */
export function inventedProvider(answer: (subject: string) => Answer<Said> | null = found) {
  const asked: string[][] = [];
  const ask: Ask = async (subjects, { onSent }) => {
    onSent();
    asked.push([...subjects]);
    return new Map(
      subjects.flatMap((subject) => {
        const said = answer(subject);
        return said ? [[subject, said]] : [];
      }),
    );
  };
  return { asked, ask };
}

export const found = (subject: string): Answer<Said> => ({ status: "found", body: { is: subject } });

/** A request that waits to be let go. */
export function gate(ask: Ask): { gated: Ask; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    gated: async (...args) => {
      await promise;
      return ask(...args);
    },
    open: resolve,
  };
}

export const failing =
  (error: Error): Ask =>
  () =>
    Promise.reject(error);

export interface ReplicaOptions extends Partial<ProviderOperation<string, Said>> {
  logger?: Logger;
  now?: () => Date;
  leaseMs?: number;
}

/** One process's gateway to an invented provider. Those of the same slug share what is in Redis and Postgres. */
export function createReplica(
  { db, redis }: { db: Db; redis: Redis },
  slug: string,
  ask: Ask,
  { logger = createLogger("silent"), now = () => new Date(), leaseMs = 15_000, ...rest }: ReplicaOptions = {},
) {
  const look: ProviderOperation<string, Said> = {
    name: "look",
    limit: { name: slug, windows: [], inFlight: 10 },
    price: { costMicros: 7, chargedFor: "answered" },
    batchSize: 1,
    repeatable: false,
    keyOf: (subject) => subject,
    ask,
    ...rest,
  };
  const definition = defineProvider({ slug, env: {}, connect: () => ({ look }) });
  const connected = connectProviders(
    { db, redis, logger, now, leaseMs, limited: true },
    { it: definition },
    {},
  );
  const gateway = connected.gateways.it?.look as Gateway<string, Said>;
  return { gateway, runtime: connected.runtimes[0] };
}

/** Providers as deps hold them: with the environment's credentials, and with those of workspaces. */
export function connectedProviders<Providers extends Catalog>(
  parts: ConnectDeps,
  catalog: Providers,
  env: Record<string, unknown>,
) {
  const vault = createVault(rootKeysSchema.parse(TEST_SECRET_KEYS));
  const installation = connectProviders(parts, catalog, env);
  const accounts = createProviderAccounts({ ...parts, vault }, catalog, env, installation);
  return {
    vault,
    accounts,
    providers: installation.gateways,
    providerRuntimes: installation.runtimes,
  };
}

/** No provider at all: what asks nobody needs no Redis. */
export const withoutProviders = (parts: Pick<ConnectDeps, "db" | "logger" | "now">) =>
  connectedProviders({ ...parts, redis: null as unknown as Redis, limited: false }, {}, {});

/** A free read that can be repeated, many at a time: what a public register offers. */
export const FREE = {
  price: { costMicros: 0, chargedFor: "nothing" },
  repeatable: true,
  batchSize: 100,
} as const;

/** A job, and the context of one field in it. */
export async function createContext(
  db: Db,
  caps: { maxCostMicros?: number; maxCostMicrosPerProspect?: number } = {},
  workspaceId = DEFAULT_WORKSPACE_ID,
): Promise<GatewayContext> {
  const [job] = await inWorkspace(db, workspaceId, (tx) =>
    tx
      .insert(jobs)
      .values({ workspaceId, kind: "import", ...caps })
      .returning({ id: jobs.id }),
  );
  return { workspaceId, jobId: job?.id ?? "", field: "colour" };
}

/** One prospect for each subject, named in the answers by its place: `results.get(prospect[0])`. */
export function lookupsOf(subjects: readonly string[]) {
  return subjects.map((subject) => ({ prospectId: randomUUID(), subject }));
}

/** Results by subject, in the order of the lookups. */
export async function look(
  gateway: Gateway<string, Said>,
  context: GatewayContext,
  subjects: readonly string[],
) {
  const lookups = lookupsOf(subjects);
  const results = await gateway.lookup(context, lookups);
  return new Map(lookups.map(({ prospectId, subject }) => [subject, results.get(prospectId)]));
}

export const openDb = (url: string): Db => createDb(url, { max: 10 });
