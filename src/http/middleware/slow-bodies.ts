/** Bodies that do not come: their connections are closed, so that nobody can hold many of them open for nothing. */
import type { IncomingMessage } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "../envelope.ts";

export interface BodyPatience {
  /** For a whole body. Routes that read one as JSON answer sooner, with a sentence. */
  wholeMs: number;
  /** For the next byte of an upload, which may take as long as it likes otherwise. */
  idleMs: number;
}

export const BODY_PATIENCE: BodyPatience = { wholeMs: 40_000, idleMs: 30_000 };

/** For Node's server: it would end every request after five minutes, and long uploads with it. */
export const SERVER_OPTIONS = { requestTimeout: 0, headersTimeout: 20_000 };

const incomingOf = (c: Context): IncomingMessage | undefined =>
  (c.env as Partial<HttpBindings> | undefined)?.incoming as IncomingMessage | undefined;

export const slowBodies = ({ wholeMs }: BodyPatience) =>
  createMiddleware<AppEnv>(async (c, next) => {
    const incoming = incomingOf(c);
    if (incoming && !incoming.complete) {
      const timer = setTimeout(() => {
        if (!incoming.complete) incoming.destroy();
      }, wholeMs);
      incoming.once("close", () => clearTimeout(timer));
      c.set("bodyTimer", timer);
    }
    await next();
  });

/** From here on the request is an upload: it may go on for as long as something comes. */
export function awaitUpload(c: Context<AppEnv>, { idleMs }: BodyPatience): void {
  const incoming = incomingOf(c);
  if (!incoming || incoming.complete) return;
  clearTimeout(c.get("bodyTimer"));
  incoming.setTimeout(idleMs, () => {
    if (!incoming.complete) incoming.destroy();
  });
  incoming.once("end", () => incoming.setTimeout(0));
}
