import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import type { Log } from "../log.ts";
import { checkpointRoutes } from "./checkpoint-routes.ts";
import type { ServerContext } from "./context.ts";
import { devRoutes } from "./dev-routes.ts";
import { eventRoutes } from "./event-routes.ts";
import { registerRoutes } from "./register-routes.ts";
import { runRoutes } from "./run-routes.ts";
import { signalRoutes } from "./signal-routes.ts";

export interface HttpServer {
  port: number;
  close: () => Promise<void>;
}

/** Listens, and resolves once it does; rejects when the port is taken. */
export async function startHttpServer(context: ServerContext, log: Log): Promise<HttpServer> {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.res.headers.set("x-inngest-server-kind", context.config.devMode ? "dev" : "cloud");
  });
  app.route("/", devRoutes(context));
  app.route("/", eventRoutes(context));
  app.route("/", registerRoutes(context));
  app.route("/", checkpointRoutes(context));
  app.route("/", runRoutes(context));
  app.route("/", signalRoutes(context));
  app.notFound((c) =>
    c.json({ error: `The local engine has no ${c.req.method} ${c.req.path}.`, status: 404 }, 404),
  );
  app.onError((error, c) => {
    log.error({ err: error, path: c.req.routePath }, "a request failed");
    return c.json({ error: "The engine could not do this just now.", status: 500 }, 500);
  });
  return await new Promise((resolve, reject) => {
    const server = serve(
      { fetch: app.fetch, hostname: context.config.host, port: context.config.port },
      (info: AddressInfo) => {
        resolve({
          port: info.port,
          close: () =>
            new Promise((done) => {
              server.close(() => done());
              if ("closeAllConnections" in server)
                setTimeout(() => server.closeAllConnections(), 500).unref();
            }),
        });
      },
    );
    server.on("error", reject);
  });
}
