/** When a request arrived, noted before anything else happens to it: a provider's limit counts arrivals. */
import type { IncomingMessage, Server } from "node:http";

const arrivals = new WeakMap<object, number>();

/** From now on each request to this server is noted. */
export function noteArrivals(server: Server): void {
  server.prependListener("request", (incoming: IncomingMessage) => arrivals.set(incoming, performance.now()));
}

/** Milliseconds of the monotonic clock; now, where there is no server (msw). */
export const arrivalOf = (incoming: object | undefined): number =>
  (incoming && arrivals.get(incoming)) ?? performance.now();
