/** Where a request comes from. */
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";
import ipaddr from "ipaddr.js";

/**
 * The caller's address; null where there is none: a request that never was on a socket. Behind proxies of ours it is
 * what the outermost of them saw: each appends its caller's address to X-Forwarded-For, and what stands before those
 * anybody could have written.
 * @param proxies how many proxies of ours a request comes through
 */
export function clientIp(c: Context, proxies: number): string | null {
  const onSocket = c.env && "incoming" in c.env;
  const forwarded = (c.req.header("x-forwarded-for") ?? "").split(",").map((part) => part.trim());
  const seen = proxies === 0 ? undefined : forwarded.at(-proxies);
  const address = seen ?? (onSocket ? getConnInfo(c).remote.address : undefined);
  // IPv4 in IPv6's clothes is told as what it is.
  return address !== undefined && ipaddr.isValid(address) ? ipaddr.process(address).toString() : null;
}

/** What a limit counts together: of IPv6 a subscriber has a whole /64. */
export function networkOf(address: string | null): string {
  if (address === null) return "unknown";
  const parsed = ipaddr.parse(address);
  return parsed instanceof ipaddr.IPv6 ? `${parsed.parts.slice(0, 4).join(":")}::/64` : address;
}
