import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";

/** The address at the other end of the connection; null where there is none: a request that never was on a socket. */
export function clientIp(c: Context): string | null {
  const onSocket = c.env && "incoming" in c.env;
  return onSocket ? (getConnInfo(c).remote.address ?? null) : null;
}
