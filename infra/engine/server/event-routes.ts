import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { BadEvent, parseEvents } from "../protocol/events.ts";
import { sameText } from "../protocol/signing.ts";
import type { ServerContext } from "./context.ts";

/** A request may carry many events; all of them together, in bytes. */
const MAX_REQUEST_BYTES = 16 * 1024 * 1024;

/** `POST /e/:eventKey`: takes one event or many; 200 means that they are durable. */
export function eventRoutes(context: ServerContext): Hono {
  const { config } = context;
  return new Hono().post(
    "/e/:eventKey",
    bodyLimit({
      maxSize: MAX_REQUEST_BYTES,
      onError: (c) =>
        c.json(
          { ids: [""], status: 400, error: `Request is over the max size: ${MAX_REQUEST_BYTES} bytes` },
          400,
        ),
    }),
    async (c) => {
      const key = c.req.param("eventKey");
      if (!config.devMode && !config.eventKeys.some((known) => sameText(known, key))) {
        return c.json({ status: 401, message: "", error: "Event key not found" }, 401);
      }
      try {
        const raw = await c.req.text();
        const events = parseEvents(raw, c.req.header("x-inngest-event-id-seed"), Date.now());
        await context.accept(events);
        return c.json({ ids: events.map((event) => event.internalId), status: 200 });
      } catch (error) {
        if (error instanceof BadEvent) return c.json({ ids: [""], status: 400, error: error.message }, 400);
        throw error;
      }
    },
  );
}
