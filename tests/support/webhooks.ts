/** The app in this process, for tests of webhooks that come in. */
import pg from "pg";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { createFunctions } from "#functions/registry.ts";
import type { Setup, WebhookSender } from "#infra/simulator/webhooks/sender.ts";
import { closeDeps, createDeps, type Deps } from "#src/deps.ts";
import type { WebhooksReceived } from "#src/events/webhooks.ts";
import { createApp } from "#src/http/app.ts";
import { createLogger } from "#src/platform/logger.ts";
import { normaliseDeliveries } from "#src/platform/webhooks-in/normalise.ts";
import { webhookSources } from "#src/providers/webhooks.ts";
import { testConfig } from "./config.ts";
import { createTestDatabase } from "./databases.ts";
import { asService } from "./secret-keys.ts";
import { seedWorkspace } from "./seed.ts";

export interface WebhookApp {
  deps: Deps;
  /** Null: the real time. */
  clock: { at: Date | null };
  /** A workspace of the test's own, which `api` and `expectOf` work in from now on. */
  newWorkspace: () => Promise<string>;
  app: ReturnType<typeof createApp>;
  /** Asks the database as its owner: row-level security does not apply. */
  query: <Row extends pg.QueryResultRow>(statement: string, values?: unknown[]) => Promise<Row[]>;
  api: Api;
  /** Every line of the log. */
  logged: string[];
  /** Has webhooks of a simulated provider expected; answers what is entered there. */
  expectOf: (sender: WebhookSender) => Promise<Setup>;
  /** Does what the events in the outbox ask for, as the functions would. */
  work: () => Promise<void>;
  stop: () => Promise<void>;
}

type Api = (
  method: string,
  path: string,
  body?: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at part by part
) => Promise<{ status: number; body: any }>;

export async function startWebhookApp(): Promise<WebhookApp> {
  const database = await createTestDatabase();
  const owner = new pg.Pool({ connectionString: database.url, max: 1 });
  const clock: WebhookApp["clock"] = { at: null };
  const config = testConfig(database.url, {
    PUBLIC_URL: "https://app.example.test/",
  });
  const logged: string[] = [];
  const logger = createLogger("trace", { write: (line: string) => logged.push(line) });
  const deps: Deps = { ...createDeps(config), logger, now: () => clock.at ?? new Date() };
  const app = createApp(deps, {
    functions: createFunctions(deps),
    plan: { fields: [], stages: [], maxOutstanding: new Map() },
    sources: new Map(),
    isSynced: () => true,
    metricsText: async () => "",
  });
  const query: WebhookApp["query"] = async (statement, values) =>
    (await owner.query(statement, values)).rows as never;
  let workspaceId = DEFAULT_WORKSPACE_ID;
  const api: Api = async (method, path, body) => {
    const headers = { ...asService, "content-type": "application/json", "x-workspace-id": workspaceId };
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await app.request(`/api/v1${path}`, { method, headers, ...init });
    return { status: response.status, body: await response.json() };
  };
  return {
    deps,
    clock,
    app,
    query,
    api,
    logged,
    newWorkspace: async () => {
      workspaceId = await seedWorkspace(database.url);
      return workspaceId;
    },
    expectOf: async ({ slug, secret }) => {
      const answer = await api("PUT", `/webhook-sources/${slug}`, secret ? { secret } : {});
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
      return { ...answer.body.data.setup, ...(secret ? { secret } : {}) };
    },
    work: async () => {
      const asked = await query<{ id: string; data: WebhooksReceived }>(
        "SELECT id, data FROM outbox WHERE consumed_at IS NULL ORDER BY id",
      );
      for (const source of webhookSources.values()) {
        const its = asked.filter(({ data }) => data.provider === source.slug);
        await normaliseDeliveries(deps.db, source, `webhook-${source.slug}`, its);
      }
    },
    stop: async () => {
      await closeDeps(deps);
      await owner.end();
      await database.drop();
    },
  };
}

/** Sends a webhook in this process; the host of its address does not matter. */
export async function post(
  { app }: Pick<WebhookApp, "app">,
  {
    url,
    headers,
    body,
  }: { url: string; headers: Record<string, string>; body: string | Uint8Array<ArrayBuffer> },
): Promise<{ status: number; body: { data: { status: string } | null; error: { code: string } | null } }> {
  const { pathname, search } = new URL(url);
  const response = await app.request(pathname + search, { method: "POST", headers, body });
  return { status: response.status, body: (await response.json()) as never };
}
