/** All simulated providers on one HTTP server, with their settings and ledgers beneath /__simulator. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { ZodError } from "zod";
import { type AnafSimulator, createAnafSimulator } from "./anaf/app.ts";
import { noteArrivals } from "./arrival.ts";
import type { SimulatorConfig } from "./config.ts";

export interface RunningSimulator {
  /** Such as http://127.0.0.1:4000; ANAF_BASE_URL is this and `/anaf`. */
  url: string;
  anaf: AnafSimulator;
  stop(): Promise<void>;
}

export async function startSimulator(config: SimulatorConfig): Promise<RunningSimulator> {
  const anaf = createAnafSimulator(config.anaf);
  const app = createSimulatorApp(anaf);
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
    anaf,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/**
 * `GET /__simulator/anaf`: ledger and settings. `POST` with some settings: changes them. `DELETE`: a new ledger.
 */
export function createSimulatorApp(anaf: AnafSimulator): Hono<{ Bindings: Partial<HttpBindings> }> {
  const app = new Hono<{ Bindings: Partial<HttpBindings> }>();
  app.get("/health", (c) => c.json({ status: "ok", simulator: true, providers: ["anaf"] }));
  app.get("/__simulator/anaf", (c) => c.json({ ...anaf.ledger(), behaviour: anaf.behaviour() }));
  app.post("/__simulator/anaf", async (c) => {
    anaf.configure(await c.req.json());
    return c.json({ ...anaf.ledger(), behaviour: anaf.behaviour() });
  });
  app.delete("/__simulator/anaf", (c) => {
    anaf.forget();
    return c.json(anaf.ledger());
  });
  app.route("/anaf", anaf.app);
  app.onError((error, c) => {
    if (error instanceof ZodError) return c.json({ error: error.issues }, 422);
    if (error instanceof SyntaxError) return c.json({ error: "The body is not JSON." }, 400);
    return c.json({ error: `The simulator failed: ${error.message}` }, 500);
  });
  return app;
}
