import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import type { Log } from "../log.ts";
import { onlyThisMachine } from "./auth.ts";
import { checkpointRoutes } from "./checkpoint-routes.ts";
import type { ServerContext } from "./context.ts";
import { devRoutes } from "./dev-routes.ts";
import { eventRoutes } from "./event-routes.ts";
import { operationRoutes } from "./operation-routes.ts";
import { pageRoutes } from "./page-routes.ts";
import { registerRoutes } from "./register-routes.ts";
import { runRoutes } from "./run-routes.ts";
import { signalRoutes } from "./signal-routes.ts";

/** The largest request to anything but `/e`, which has its own limit: a checkpoint may carry large results. */
const MAX_REQUEST_BYTES = 64 * 1024 * 1024;

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
  app.use(onlyThisMachine(context.config));
  const limit = bodyLimit({
    maxSize: MAX_REQUEST_BYTES,
    onError: (c) =>
      c.json({ error: `Request is over the max size: ${MAX_REQUEST_BYTES} bytes`, status: 413 }, 413),
  });
  for (const path of ["/v1/*", "/fn/*"]) app.use(path, limit);
  app.route("/", devRoutes(context));
  app.route("/", eventRoutes(context));
  app.route("/", registerRoutes(context));
  app.route("/", checkpointRoutes(context));
  app.route("/", runRoutes(context));
  app.route("/", signalRoutes(context));
  app.route("/", operationRoutes(context));
  app.route("/", pageRoutes(context));
  app.notFound((c) =>
    c.json({ error: `The local engine has no ${c.req.method} ${c.req.path}.`, status: 404 }, 404),
  );
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse();
    // Postgres refuses a value of the request, such as a NUL character in an id.
    if (/^22/.test(String((error as { code?: unknown }).code)))
      return c.json({ error: "The request holds a value that cannot be read.", status: 400 }, 400);
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
