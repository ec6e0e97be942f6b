import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import type { Log } from "../log.ts";
import { onlyThisMachine, requireSigningKey } from "./auth.ts";
import type { ServerContext } from "./context.ts";
import { operationRoutes } from "./operation-routes.ts";
import { pageRoutes } from "./page-routes.ts";
import { refusal } from "./requests.ts";
import { restRoutes } from "./rest-routes.ts";
import { sdkRoutes } from "./sdk-routes.ts";

/** The largest request to anything but `/e`, which has its own limit: a checkpoint may carry large results. */
const MAX_REQUEST_BYTES = 64 * 1024 * 1024;

/** How long requests under way have to end when the engine does. */
const CLOSE_MS = 500;

export interface HttpServer {
  port: number;
  close: () => Promise<void>;
}

/** Listens, and resolves once it does; rejects when the port is taken. */
export async function startHttpServer(context: ServerContext, log: Log): Promise<HttpServer> {
  const { config } = context;
  const server = serve({
    fetch: application(context, log).fetch,
    hostname: config.host,
    port: config.port,
  }) as Server;
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close();
      setTimeout(() => server.closeAllConnections(), CLOSE_MS).unref();
      await once(server, "close");
    },
  };
}

function application(context: ServerContext, log: Log): Hono {
  const { config } = context;
  const app = new Hono();
  app.use(async (c, next) => {
    c.header("x-inngest-server-kind", config.devMode ? "dev" : "cloud");
    await next();
  });
  app.use(onlyThisMachine(config));
  for (const path of ["/dev", "/fn/*", "/metrics", "/v0/*", "/v1/*"])
    app.use(path, requireSigningKey(config));
  const limit = bodyLimit({
    maxSize: MAX_REQUEST_BYTES,
    onError: (c) => refusal(c, 413, `Request is over the max size: ${MAX_REQUEST_BYTES} bytes`),
  });
  for (const path of ["/fn/*", "/v1/*"]) app.use(path, limit);
  for (const routes of [sdkRoutes, restRoutes, operationRoutes, pageRoutes]) app.route("/", routes(context));
  app.notFound((c) => refusal(c, 404, `The local engine has no ${c.req.method} ${c.req.path}.`));
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.res ?? refusal(c, error.status as 400, error.message);
    // Postgres refuses a value of the request, such as a NUL character in an id.
    if (/^22/.test(String((error as { code?: unknown }).code)))
      return refusal(c, 400, "The request holds a value that cannot be read.");
    log.error({ err: error, path: c.req.routePath }, "a request failed");
    return refusal(c, 500, "The engine could not do this just now.");
  });
  return app;
}
