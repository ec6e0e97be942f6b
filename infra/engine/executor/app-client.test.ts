import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AppClient } from "./app-client.ts";

const client = new AppClient(20_000);
const hasty = new AppClient(300);
const app = http.createServer((request, response) => {
  if (request.url === "/fine") response.writeHead(206, { "x-said": "yes" }).end("whole");
  if (request.url === "/dies") request.socket.destroy();
  if (request.url === "/dies-late" || request.url === "/hangs") response.writeHead(200).write("half of");
  if (request.url === "/dies-late") setImmediate(() => request.socket.destroy());
  if (request.url === "/large") response.end(Buffer.alloc(33 * 1024 * 1024));
});
let base: string;

beforeAll(async () => {
  await once(app.listen(0, "127.0.0.1"), "listening");
  base = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
});
afterAll(() => {
  client.close();
  hasty.close();
  app.closeAllConnections();
  app.close();
});

test.each([
  ["/fine", { kind: "response", status: 206, body: "whole" }],
  ["/dies", { kind: "broken" }],
  ["/dies-late", { kind: "broken" }],
  ["/large", { kind: "broken", message: "the answer is larger than 32 MiB" }],
])("a call to %s gives %j", async (path, answer) => {
  expect(await client.send("POST", base + path, "{}", {})).toMatchObject(answer);
});

test.each(["/silent", "/hangs"])("a call to %s is given up after its time", async (path) => {
  const answer = await hasty.send("POST", base + path, "{}", {});
  expect(answer).toEqual({ kind: "timeout", message: "no answer within 300 ms" });
});

test("an app that nobody serves is not reached", async () => {
  const probe = http.createServer();
  await once(probe.listen(0, "127.0.0.1"), "listening");
  const { port } = probe.address() as AddressInfo;
  await once(probe.close(), "close");
  const answer = await client.send("POST", `http://127.0.0.1:${port}/`, "{}", {});
  expect(answer).toMatchObject({ kind: "unreachable" });
});
