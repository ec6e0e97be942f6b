import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { createHttp, type Http, parseRetryAfter } from "./http.ts";

const open: { close(): void }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

type Handler = (incoming: IncomingMessage, outgoing: ServerResponse, body: string) => void;

async function serve(
  handler: Handler,
  options: { timeoutMs?: number; maxResponseBytes?: number } = {},
): Promise<Http> {
  const server = createServer(async (incoming, outgoing) => {
    handler(incoming, outgoing, await text(incoming));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push({ close: () => server.close().closeAllConnections() });
  const { port } = server.address() as AddressInfo;
  return createHttp({
    provider: "test",
    baseUrl: `http://127.0.0.1:${port}/base`,
    timeoutMs: 2_000,
    maxResponseBytes: 1_000,
    ...options,
  });
}

const answering = (status: number, body: string, headers: Record<string, string> = {}) =>
  serve((_, outgoing) => outgoing.writeHead(status, headers).end(body));

describe("an answer", () => {
  it("is parsed JSON, asked for beneath the base URL", async () => {
    const http = await serve((incoming, outgoing) => outgoing.end(JSON.stringify({ path: incoming.url })));
    expect(await http.postJson("a/b", [])).toEqual({ status: 200, body: { path: "/base/a/b" } });
  });

  it("may have another status where the caller says so", async () => {
    const http = await answering(404, "[]");
    expect(await http.postJson("x", [], { answers: [404] })).toEqual({ status: 404, body: [] });
    await expect(http.postJson("x", [])).rejects.toMatchObject({ kind: "not_found", httpStatus: 404 });
  });

  it("may be a 429 that says what has run out, with the time to wait", async () => {
    const http = await answering(429, '{"code":"quota"}', { "retry-after": "3" });
    expect(await http.getJson("x", {}, { answers: [429] })).toEqual({
      status: 429,
      body: { code: "quota" },
      retryAfterMs: 3_000,
    });
    const page = await answering(429, "<html>", { "retry-after": "3" });
    await expect(page.getJson("x", {}, { answers: [429] })).rejects.toMatchObject({
      kind: "rate_limited",
      retryAfterMs: 3_000,
    });
  });
});

describe("a request", () => {
  /** Answers with what it was asked. */
  const echoing = () =>
    serve((incoming, outgoing, body) => {
      const { method, url, headers } = incoming;
      outgoing.end(JSON.stringify({ method, url, type: headers["content-type"] ?? null, body }));
    });

  it("may be a GET, its query encoded", async () => {
    const { body } = await (await echoing()).getJson("a", { q: "ș & t", n: "1" });
    expect(body).toEqual({ method: "GET", url: "/base/a?q=%C8%99+%26+t&n=1", type: null, body: "" });
  });

  it("may be a form", async () => {
    const { body } = await (await echoing()).postForm("a", { key: "k", data: '{"x":""}' });
    expect(body).toEqual({
      method: "POST",
      url: "/base/a",
      type: "application/x-www-form-urlencoded;charset=UTF-8",
      body: "key=k&data=%7B%22x%22%3A%22%22%7D",
    });
  });

  it("may take no body at all for an answer", async () => {
    const empty = await answering(404, "");
    const options = { answers: [404], emptyIsNull: true };
    expect(await empty.getJson("x", {}, options)).toEqual({ status: 404, body: null });
    await expect(empty.getJson("x", {}, { answers: [404] })).rejects.toMatchObject({ kind: "unavailable" });
    const failing = await answering(500, "");
    await expect(failing.getJson("x", {}, options)).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("may have headers of its own, besides those of all", async () => {
    const http = await serve((incoming, outgoing) => outgoing.end(JSON.stringify(incoming.headers)));
    const headers = { authorization: "Bearer t" };
    for (const answer of [
      await http.getJson("x", {}, { headers }),
      await http.postJson("x", {}, { headers }),
      await http.postForm("x", {}, { headers }),
    ]) {
      expect(answer.body).toMatchObject({ authorization: "Bearer t", accept: "application/json" });
    }
  });
});

describe("what is no answer", () => {
  it.each([
    [200, "<html>Mentenanta sistem</html>", "unavailable"],
    [403, "<html>The requested URL was rejected</html>", "unavailable"],
    [404, "<html>no</html>", "unavailable"],
    [302, "", "unavailable"],
    [200, '{"cut": ', "unavailable"],
    [500, "{}", "unavailable"],
    [503, "<html>", "unavailable"],
    [401, "{}", "unauthorized"],
    [402, "{}", "spent"],
    [403, "{}", "unauthorized"],
    [400, "{}", "rejected"],
    [422, "{}", "rejected"],
    [429, "slow down", "rate_limited"],
  ])("HTTP %i with %s is %s", async (status, body, kind) => {
    const http = await answering(status, body);
    await expect(http.postJson("x", [], { answers: [404] })).rejects.toMatchObject({
      kind,
      httpStatus: status,
    });
  });

  it("a broken connection is unavailable, before the answer and in the middle of it", async () => {
    const broken = await serve((incoming) => incoming.socket.destroy());
    await expect(broken.postJson("x", [])).rejects.toMatchObject({ kind: "unavailable", charged: undefined });
    const cut = await serve((incoming, outgoing) => {
      outgoing.writeHead(200, { "content-length": "500" }).write("{");
      setTimeout(() => incoming.socket.destroy(), 20);
    });
    await expect(cut.postJson("x", [])).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("a refused connection is unavailable, and has cost nothing", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, "close");
    const http = createHttp({
      provider: "test",
      baseUrl: `http://127.0.0.1:${port}`,
      timeoutMs: 1_000,
      maxResponseBytes: 10,
    });
    await expect(http.postJson("x", [])).rejects.toMatchObject({ kind: "unavailable", charged: false });
  });

  it("silence, and a body that never ends, are unavailable after the timeout", async () => {
    const silent = await serve(() => {}, { timeoutMs: 100 });
    await expect(silent.postJson("x", [])).rejects.toMatchObject({ kind: "unavailable" });
    const endless = await serve((_, outgoing) => outgoing.writeHead(200).write("["), { timeoutMs: 100 });
    await expect(endless.postJson("x", [])).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("a body past the limit is given up", async () => {
    const http = await answering(200, JSON.stringify("x".repeat(2_000)));
    await expect(http.postJson("x", [])).rejects.toMatchObject({ kind: "bad_response" });
  });

  it("keeps bodies and URLs out of its message", async () => {
    const http = await answering(400, '{"name":"POPESCU ION"}');
    const error = await http.postJson("secret", []).catch((thrown: Error) => thrown);
    expect((error as Error).message).toBe("test refused the request (HTTP 400).");
  });

  it("keeps the URL out of all that its error carries, when the connection fails", async () => {
    const http = createHttp({
      provider: "test",
      baseUrl: "http://127.0.0.1:1",
      timeoutMs: 1_000,
      maxResponseBytes: 10,
    });
    const error = await http.getJson("x", { api_key: "very-secret" }).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ kind: "unavailable" });
    expect(inspect(error, { depth: 10 })).not.toContain("very-secret");
  });

  it("an abort of the caller's comes back as the caller's reason", async () => {
    const http = await serve(() => {});
    const stop = new AbortController();
    const asking = http.postJson("x", [], { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(asking).rejects.toThrow("enough");
  });
});

describe("when the request is on its way", () => {
  it.each([
    ["POST", (http: Http, onSent: () => void) => http.postJson("x", [], { onSent })],
    ["form", (http: Http, onSent: () => void) => http.postForm("x", { a: "b" }, { onSent })],
    ["GET", (http: Http, onSent: () => void) => http.getJson("x", {}, { onSent })],
  ])("is told while the answer to a %s is still to come, once", async (_, ask) => {
    const http = await serve(async (_, outgoing) => {
      await sleep(200);
      outgoing.end("{}");
    });
    const told: number[] = [];
    const startedAt = performance.now();
    await ask(http, () => told.push(performance.now() - startedAt));
    expect(told).toHaveLength(1);
    expect(told[0]).toBeLessThan(150);
  });

  it("is told at the latest with the failure", async () => {
    let told = 0;
    const http = createHttp({
      provider: "test",
      baseUrl: "http://127.0.0.1:1",
      timeoutMs: 1_000,
      maxResponseBytes: 10,
    });
    await http.postJson("x", [], { onSent: () => told++ }).catch(() => {});
    expect(told).toBe(1);
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-11-22T10:00:00Z");
  it.each([
    ["2", 2_000],
    [" 0 ", 0],
    ["1.5", 1_500],
    ["Sun, 22 Nov 2026 10:00:07 GMT", 7_000],
    ["Sun, 22 Nov 2026 09:00:00 GMT", 0],
    ["-5", undefined],
    ["soon", undefined],
    ["", undefined],
    [null, undefined],
  ])("%j is %j ms", (value, ms) => {
    expect(parseRetryAfter(value, now)).toBe(ms);
  });

  it("is handed on with a 429", async () => {
    const http = await answering(429, "", { "retry-after": "3" });
    await expect(http.postJson("x", [])).rejects.toMatchObject({ kind: "rate_limited", retryAfterMs: 3_000 });
  });
});
