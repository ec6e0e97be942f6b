/**
 * The providers as each workspace has them: with credentials of its own where it has given some, else with those of the
 * environment. Limits, breakers and blocks are then the account's own; those of providers without accounts stay shared.
 *
 * What a workspace has is read from Postgres at most every five seconds, not at every call. So a change holds for what
 * starts five seconds later, in every replica; in the one that made it, at once. A lookup that is under way ends with
 * the credentials that it began with.
 */
import { createHmac } from "node:crypto";
import { inWorkspace } from "#db/client.ts";
import { type SealedCredentials, sealedCredentials } from "#db/queries/provider-credentials.ts";
import {
  type Catalog,
  type ConnectDeps,
  type Connected,
  connectProviders,
  type Gateways,
  type ProviderRuntime,
} from "./connect-providers.ts";
import { openCredentials, toEnv } from "./credentials.ts";
import type { Vault } from "./vault.ts";

export interface ProviderAccounts<Providers extends Catalog> {
  of(workspaceId: string): Promise<Connected<Providers>>;
  /** This process reads the workspace's credentials again at its next call. */
  forget(workspaceId: string): void;
}

const FRESH_MS = 5_000;
/** Workspaces that are remembered; the one read longest ago makes room. */
const MAX_WORKSPACES = 1_000;

interface Known<Providers extends Catalog> {
  readAt: number;
  connected: Connected<Providers>;
  /** By key in the catalog: connected with what was sealed so. */
  own: Map<string, { sealed: string; connected: Connected<Catalog> }>;
}

/** @param installation as the environment connects them */
export function createProviderAccounts<Providers extends Catalog>(
  deps: ConnectDeps & { vault: Vault },
  catalog: Providers,
  env: Record<string, unknown>,
  installation: Connected<Providers>,
): ProviderAccounts<Providers> {
  const { db, logger, vault } = deps;
  const keyOf = new Map(Object.entries(catalog).map(([key, { slug }]) => [slug, key]));
  const known = new Map<string, Known<Providers>>();
  const reading = new Map<string, Promise<Known<Providers>>>();

  /** One provider, with a workspace's own credentials. What does not open is off: nobody else pays for it. */
  function connectOwn(workspaceId: string, key: string, sealed: string): Connected<Catalog> {
    const definition = catalog[key] as Catalog[string];
    const one = { [key]: definition };
    const { credentials = {} } = definition;
    try {
      const values = toEnv(definition, openCredentials(vault, workspaceId, definition, sealed));
      const isEnvironments = Object.values(credentials).every(
        (variable) => env[variable] === values[variable],
      );
      const account = isEnvironments ? null : accountId(vault, definition.slug, values);
      const connected = connectProviders(deps, one, { ...env, ...values }, account);
      return marked(connected, "workspace");
    } catch (error) {
      logger.error({ err: error, workspaceId, provider: definition.slug }, "credentials that do not open");
      const none = Object.fromEntries(Object.values(credentials).map((variable) => [variable, undefined]));
      return marked(connectProviders(deps, one, { ...env, ...none }), "unreadable");
    }
  }

  function connect(
    workspaceId: string,
    given: readonly SealedCredentials[],
    before: Known<Providers> | undefined,
  ): Known<Providers> {
    const own: Known<Providers>["own"] = new Map();
    for (const { provider, sealed } of given) {
      const key = keyOf.get(provider);
      if (key === undefined) continue; // of a provider that this release does not know
      const same = before?.own.get(key);
      own.set(
        key,
        same?.sealed === sealed ? same : { sealed, connected: connectOwn(workspaceId, key, sealed) },
      );
    }
    const theirs = [...own.values()].map((each) => each.connected);
    const runtimes = new Map(theirs.flatMap((each) => each.runtimes).map((each) => [each.slug, each]));
    const connected: Connected<Providers> =
      own.size === 0
        ? installation
        : {
            gateways: Object.assign(
              { ...installation.gateways },
              ...[...own].map(([key, each]) => ({ [key]: each.connected.gateways[key] })),
            ),
            runtimes: installation.runtimes.map((each) => runtimes.get(each.slug) ?? each),
          };
    return { readAt: performance.now(), connected, own };
  }

  async function read(workspaceId: string): Promise<Known<Providers>> {
    const given = await inWorkspace(db, workspaceId, (tx) => sealedCredentials(tx, workspaceId));
    return connect(workspaceId, given, known.get(workspaceId));
  }

  function remember(workspaceId: string, now: Known<Providers>): void {
    known.delete(workspaceId);
    known.set(workspaceId, now);
    const [oldest] = known.keys();
    if (known.size > MAX_WORKSPACES && oldest !== undefined) known.delete(oldest);
  }

  return {
    async of(workspaceId) {
      const last = known.get(workspaceId);
      if (last && performance.now() - last.readAt < FRESH_MS) return last.connected;
      const started = reading.get(workspaceId);
      if (started) return (await started).connected;
      const reads = read(workspaceId);
      reading.set(workspaceId, reads);
      // Who was told to forget in the meantime may have read what was there before.
      const isLast = () => reading.get(workspaceId) === reads;
      try {
        const now = await reads;
        if (isLast()) remember(workspaceId, now);
        return now.connected;
      } finally {
        if (isLast()) reading.delete(workspaceId);
      }
    },
    forget(workspaceId) {
      const last = known.get(workspaceId);
      if (last) last.readAt = Number.NEGATIVE_INFINITY;
      reading.delete(workspaceId);
    },
  };
}

interface WithProviders<Providers extends Catalog> {
  providers: Gateways<Providers>;
  providerRuntimes: readonly ProviderRuntime[];
  accounts: ProviderAccounts<Providers>;
}

/** The same, with the providers as this workspace has them: for whoever asks them in its name. */
export async function inNameOf<Providers extends Catalog, Deps extends WithProviders<Providers>>(
  deps: Deps & WithProviders<Providers>,
  workspaceId: string,
): Promise<Deps> {
  const { gateways, runtimes } = await deps.accounts.of(workspaceId);
  return { ...deps, providers: gateways, providerRuntimes: runtimes };
}

/** Names an account in Redis, in all replicas alike, without telling its credentials. */
function accountId(vault: Vault, slug: string, values: Record<string, string>): string {
  const [key] = vault.derive("provider-account");
  return createHmac("sha256", key?.key ?? "")
    .update(JSON.stringify([slug, ...Object.entries(values).sort()]))
    .digest("hex")
    .slice(0, 16);
}

const marked = (
  { gateways, runtimes }: Connected<Catalog>,
  credentials: ProviderRuntime["credentials"],
): Connected<Catalog> => ({ gateways, runtimes: runtimes.map((each) => ({ ...each, credentials })) });
