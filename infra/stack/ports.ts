import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { StackError } from "./errors.ts";

// Below the range that kernels hand out for outgoing connections (32768 on), so that a port stays ours
// while its part is down for a restart.
const first = 20_000;
const last = 32_000;
const given = new Set<number>();

/** A port on 127.0.0.1 that nothing listens on now and that this process has not handed out before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(first, last);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new StackError(`No free port was found between ${first} and ${last}.`);
}

/** Can a server listen on this port of 127.0.0.1 now? */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
