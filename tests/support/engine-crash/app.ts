/**
 * The app of the crash test: a process of its own, so that it can be killed. PORT, BASE_URL, LEDGER, and the keys.
 */
import { serve as listen } from "@hono/node-server";
import { Hono } from "hono";
import { serve } from "inngest/hono";
import { client } from "./functions/client.ts";
import { flowFunctions } from "./functions/flow.ts";
import { stepFunctions } from "./functions/steps.ts";
import { waitFunctions } from "./functions/waits.ts";
import { noteCall, request } from "./functions/work.ts";

const { PORT = "" } = process.env;
const handler = serve({
  client,
  functions: [...stepFunctions, ...waitFunctions, ...flowFunctions],
  serveOrigin: `http://127.0.0.1:${PORT}`,
});
const app = new Hono();
app.on(["GET", "PUT"], "/api/inngest", (c) => handler(c));
app.post("/api/inngest", async (c) => {
  const id = c.req.header("x-request-id") ?? "";
  noteCall(id, await c.req.raw.clone().json());
  return await request.run(id, () => handler(c));
});
listen({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(PORT) }, () =>
  process.stdout.write("ready\n"),
);
