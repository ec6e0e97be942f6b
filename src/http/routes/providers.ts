import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { type Budget, listBudgets } from "#db/queries/budgets.ts";
import { noteCredentialsCheck } from "#db/queries/provider-credentials.ts";
import { type ProviderFigures, providerFigures } from "#db/queries/provider-figures.ts";
import type { Deps } from "#src/deps.ts";
import { ConflictError, NotFoundError } from "#src/domain/errors.ts";
import { dayInRomania } from "#src/domain/romanian-calendar.ts";
import type { ProviderRuntime } from "#src/platform/connect-providers.ts";
import { ProviderError } from "#src/platform/provider-error.ts";
import { type Endpoint, endpoint, Instant } from "../endpoint.ts";

/** How long a check may take. */
const CHECK_MS = 10_000;

const figure = z.number().nonnegative();
const ProviderState = z.object({
  slug: z.string(),
  on: z.boolean().describe("Whether it can be asked."),
  credentials: z
    .enum(["none", "missing", "environment", "workspace", "unreadable"])
    .describe(
      "Whose account is used. none: it needs no account. unreadable: the workspace's own cannot be opened, so it is off.",
    ),
  live: z
    .boolean()
    .describe("False: it is asked at a base URL of this installation's own, such as a simulator's."),
  breaker: z
    .enum(["closed", "open", "half_open"])
    .describe("This process's own; the rest holds for all replicas."),
  blocked: z.object({ reason: z.enum(["spent", "unauthorized"]), until: Instant }).nullable(),
  limits: z.array(
    z.object({
      name: z.string(),
      windows: z.array(z.object({ limit: z.int(), periodMs: z.int() })),
      inFlight: z.int(),
      now: z
        .object({ waiting: z.int(), pausedForMs: z.int(), slowedBy: z.number() })
        .nullable()
        .describe("Null: Redis cannot be reached."),
    }),
  ),
  operations: z.array(
    z.object({
      name: z.string(),
      price: z.object({ costMicros: figure, chargedFor: z.enum(["answered", "found", "nothing"]) }),
      batchSize: z.int(),
    }),
  ),
  budgetLeft: z.int().nullable().describe("Micro-euros; null: as much as it likes."),
  last24h: z.object({
    calls: figure,
    found: figure,
    costMicros: figure,
    medianLatencyMs: figure.nullable(),
    successPct: figure.nullable(),
    costPerHitMicros: figure.nullable(),
  }),
});

const Check = z.object({
  slug: z.string(),
  healthy: z.boolean(),
  latencyMs: z.int(),
  error: z.object({ kind: z.string(), message: z.string() }).nullable(),
});

export const providerEndpoints = (deps: Deps): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/providers",
      tag: "providers",
      role: "viewer",
      summary:
        "Every provider that this release knows: what it may do, and how it did over the last 24 hours",
      answer: z.array(ProviderState),
    },
    async ({ workspaceId }) => {
      const { runtimes } = await deps.accounts.of(workspaceId);
      const slugs = runtimes.map(({ slug }) => slug);
      const { figures, budgets } = await inWorkspace(deps.db, workspaceId, async (tx) => ({
        figures: await providerFigures(tx, workspaceId, slugs),
        budgets: await listBudgets(tx, workspaceId, dayInRomania(deps.now())),
      }));
      return Promise.all(
        runtimes.map(async (runtime) => ({
          ...(await stateOf(runtime)),
          budgetLeft: leftOf(budgets, runtime.slug),
          last24h: summaryOf(figures.find(({ provider }) => provider === runtime.slug)),
        })),
      );
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/providers/:slug/check",
      tag: "providers",
      role: "admin",
      summary: "Makes one cheap request; if it succeeds, a block for spent credit or a wrong key is lifted",
      params: z.object({ slug: z.string().max(100) }),
      answer: Check,
    },
    async ({ workspaceId, audit, params: { slug } }) => {
      const { runtimes } = await deps.accounts.of(workspaceId);
      const runtime = runtimes.find((known) => known.slug === slug);
      if (!runtime) throw new NotFoundError("provider_not_found", `There is no provider ${slug}.`);
      if (!runtime.operations)
        throw new ConflictError("provider_off", `${slug} is off: its credentials are not set.`);
      if (!runtime.check)
        throw new ConflictError("no_check", `${slug} offers no cheap request to check with.`);
      const checked = await check(runtime.slug, runtime.check, () => runtime.block.clear());
      await inWorkspace(deps.db, workspaceId, async (tx) => {
        if (runtime.credentials === "workspace") {
          const outcome = { at: deps.now(), error: checked.error?.kind ?? null };
          await noteCredentialsCheck(tx, workspaceId, slug, outcome);
        }
        await audit(tx, {
          action: "provider.checked",
          subject: { kind: "provider", id: slug },
          details: { healthy: checked.healthy },
        });
      });
      return checked;
    },
  ),
];

async function stateOf(runtime: ProviderRuntime) {
  const { slug, credentials, live, operations, breaker, block, limits } = runtime;
  const blocked = await block.get();
  return {
    slug,
    on: operations !== null,
    credentials,
    live,
    breaker: breaker.state(),
    blocked: blocked && { reason: blocked.reason, until: blocked.until.toISOString() },
    limits: await Promise.all(
      [...limits.values()].map(async ({ limit: { name, windows, inFlight }, limiter }) => ({
        name,
        windows,
        inFlight,
        // Null: Redis cannot be reached.
        now: await limiter.state().catch(() => null),
      })),
    ),
    operations: Object.values(operations ?? {}).map(({ name, price, batchSize }) => ({
      name,
      price,
      batchSize,
    })),
  };
}

/** The least that a provider may still spend, in micro-euros; null: as much as it likes. */
function leftOf(budgets: readonly Budget[], slug: string): number | null {
  const left = budgets.flatMap(({ provider, leftMicros }) =>
    leftMicros !== null && (provider === null || provider === slug) ? [leftMicros] : [],
  );
  return left.length === 0 ? null : Math.min(...left);
}

function summaryOf(figures: ProviderFigures | undefined) {
  const { calls = 0, settled = 0, found = 0, costMicros = 0, medianLatencyMs = null } = figures ?? {};
  return {
    calls,
    found,
    costMicros,
    medianLatencyMs,
    successPct: calls === 0 ? null : Math.round((settled / calls) * 1_000) / 10,
    costPerHitMicros: found === 0 ? null : Math.round(costMicros / found),
  };
}

async function check(
  slug: string,
  request: (signal: AbortSignal) => Promise<void>,
  onSuccess: () => Promise<void>,
) {
  const startedAt = performance.now();
  const latencyMs = () => Math.round(performance.now() - startedAt);
  try {
    await request(AbortSignal.timeout(CHECK_MS));
    await onSuccess();
    return { slug, healthy: true, latencyMs: latencyMs(), error: null };
  } catch (error) {
    const kind = error instanceof ProviderError ? error.kind : "unavailable";
    const message = error instanceof ProviderError ? error.message : `${slug} did not answer in time.`;
    return { slug, healthy: false, latencyMs: latencyMs(), error: { kind, message } };
  }
}
