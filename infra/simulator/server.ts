/** All simulated providers on one HTTP server, with their settings and ledgers beneath /__simulator. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { ZodError } from "zod";
import type { AnafSimulator } from "./anaf/app.ts";
import { noteArrivals } from "./arrival.ts";
import { simulators } from "./catalog.ts";
import type { SimulatorConfig } from "./config.ts";
import type { Simulator, SimulatorApp } from "./kit.ts";

export interface RunningSimulator {
  /** Such as http://127.0.0.1:4000; ANAF_BASE_URL is this and `/anaf`. */
  url: string;
  /** By slug. */
  providers: ReadonlyMap<string, Simulator>;
  anaf: AnafSimulator;
  stop(): Promise<void>;
}

export async function startSimulator(config: SimulatorConfig): Promise<RunningSimulator> {
  const providers = new Map<string, Simulator>();
  for (const { slug, create } of simulators) {
    providers.set(slug, create(config.settings[slug] ?? {}, providers));
  }
  const app = createSimulatorApp([...providers.values()]);
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  noteArrivals(server);
  // Longer than any pause between a client's requests: a new connection for each would blur when they arrive.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(config.port, config.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  return {
    url: `http://${host}:${port}`,
    providers,
    anaf: providers.get("anaf") as AnafSimulator,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/**
 * `GET /__simulator/<provider>`: ledger and settings. `POST` with some settings: changes them. `DELETE`: a new ledger.
 * `GET /__simulator/<provider>/charges`: what each subject was charged.
 */
export function createSimulatorApp(providers: readonly Simulator[]): SimulatorApp {
  const app: SimulatorApp = new Hono();
  const slugs = providers.map(({ slug }) => slug);
  app.get("/health", (c) => c.json({ status: "ok", simulator: true, providers: slugs }));
  for (const provider of providers) {
    const report = () => ({ ...provider.ledger(), behaviour: provider.behaviour() });
    const path = `/__simulator/${provider.slug}`;
    app.get(path, (c) => c.json(report()));
    app.get(`${path}/charges`, (c) => c.json(provider.charges()));
    app.post(path, async (c) => {
      provider.configure(await c.req.json());
      return c.json(report());
    });
    app.delete(path, (c) => {
      provider.forget();
      return c.json(report());
    });
    app.route(`/${provider.slug}`, provider.app);
  }
  app.onError((error, c) => {
    if (error instanceof ZodError) return c.json({ error: error.issues }, 422);
    if (error instanceof SyntaxError) return c.json({ error: "The body is not JSON." }, 400);
    return c.json({ error: `The simulator failed: ${error.message}` }, 500);
  });
  return app;
}
