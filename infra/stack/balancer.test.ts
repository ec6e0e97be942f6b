import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { startBalancer } from "./balancer.ts";
import { freePort } from "./ports.ts";
import { startProcess } from "./process.ts";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function serve(answer: string): Promise<{ server: Server; port: number }> {
  const server = createServer((_, response) => response.setHeader("connection", "close").end(answer));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endings.push(() => server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

async function balance(targetPorts: number[]): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "cerniq-balancer-"));
  endings.push(() => rmSync(dir, { recursive: true }));
  const { process, url } = await startBalancer({
    port: await freePort(),
    targetPorts,
    launch: (spec) => startProcess({ ...spec, logFile: join(dir, "log") }),
  });
  endings.push(process.stop);
  return url;
}

const ask = async (url: string) => (await fetch(url, { headers: { connection: "close" } })).text();

test("connections take turns, and a replica that is down is passed over", async () => {
  const [one, two] = [await serve("one"), await serve("two")];
  const url = await balance([one.port, two.port]);
  const answers = [await ask(url), await ask(url), await ask(url), await ask(url)];
  expect(answers.sort()).toEqual(["one", "one", "two", "two"]);

  await new Promise((resolve) => one.server.close(resolve));
  expect([await ask(url), await ask(url), await ask(url)]).toEqual(["two", "two", "two"]);
});
