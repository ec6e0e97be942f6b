/** What only a real socket shows: bodies that are too large, too slow or never end, and requests that are two. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { endpoint } from "#src/http/endpoint.ts";
import type { AppEnv } from "#src/http/envelope.ts";
import { errorHandler } from "#src/http/errors.ts";
import { awaitUpload, slowBodies } from "#src/http/middleware/slow-bodies.ts";
import { mount } from "#src/http/mount.ts";
import { createLogger } from "#src/platform/logger.ts";
import { listen, startApi, type TestApi } from "#tests/support/api.ts";
import { TEST_SERVICE_KEY } from "#tests/support/secret-keys.ts";

const PATIENCE = { wholeMs: 400, idleMs: 400 };

let api: TestApi;
let site: { url: string; close: () => Promise<void> };
/** The same parts, with less patience. */
let hasty: { url: string; close: () => Promise<void> };
const open: Socket[] = [];

beforeAll(async () => {
  api = await startApi();
  site = await listen(api.app);
  const app = new Hono<AppEnv>();
  app.onError(errorHandler(createLogger("silent")));
  app.use(slowBodies(PATIENCE));
  app.post("/raw", async (c) => c.text(`${(await c.req.text()).length}`));
  app.post("/upload", async (c) => {
    awaitUpload(c, PATIENCE);
    return c.text(`${(await c.req.text()).length}`);
  });
  const shape = { tag: "things", role: "public", summary: "", answer: z.string(), audit: false } as const;
  const json = endpoint({ ...shape, method: "post", path: "/json", body: z.object({}) }, async () => "read");
  mount(app, "", [json], { bodyLimits: { maxBytes: 1_000, timeoutMs: 200, maxDepth: 8 } });
  hasty = await listen(app);
});
afterAll(async () => {
  for (const socket of open) socket.destroy();
  await hasty.close();
  await site.close();
  await api.stop();
});

/** What came back by the time that the server closed, or `untilMs` went by. */
async function speak(
  { url }: { url: string },
  say: (socket: Socket) => void | Promise<void>,
  untilMs = 10_000,
) {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  open.push(socket);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.on("error", () => {});
  await once(socket, "connect");
  const startedAt = performance.now();
  const closed = closing(socket);
  await say(socket);
  const isClosed = await Promise.race([closed, sleep(untilMs, false, { ref: false })]);
  socket.destroy();
  return { text, isClosed, ms: performance.now() - startedAt };
}
const closing = (socket: Socket) => new Promise<true>((resolve) => socket.once("close", () => resolve(true)));
const head = (path: string, ...headers: string[]) =>
  `${[`POST ${path} HTTP/1.1`, "Host: app", `X-Service-Key: ${TEST_SERVICE_KEY}`, ...headers].join("\r\n")}\r\n\r\n`;
/** Writes until the other side has had enough. */
async function pour(socket: Socket, chunk: string): Promise<number> {
  let bytes = 0;
  while (!socket.destroyed && bytes < 300 * 1_048_576) {
    bytes += chunk.length;
    if (!socket.write(chunk)) await Promise.race([once(socket, "drain").catch(() => {}), closing(socket)]);
  }
  return bytes;
}

describe("a body that is too large", () => {
  it("is refused by what it says of itself, before any of it comes", async () => {
    const { text } = await speak(
      site,
      (socket) => void socket.write(head("/api/v1/jobs", "Content-Length: 2147483648")),
      3_000,
    );
    expect(text).toMatch(/^HTTP\/1.1 413 /);
    expect(text).toContain("body_too_large");
  });

  it("is refused as it comes, when it says nothing of itself, and the connection is closed", async () => {
    let poured = 0;
    const { text, isClosed } = await speak(site, async (socket) => {
      socket.write(head("/api/v1/jobs", "Transfer-Encoding: chunked"));
      const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
      poured = await pour(socket, chunk);
    });
    expect(text).toMatch(/^HTTP\/1.1 413 /);
    expect(isClosed).toBe(true);
    expect(poured).toBeLessThan(300 * 1_048_576);
  });
});

describe("a body that comes slowly", () => {
  it("of JSON is answered with a sentence, and the connection is closed", async () => {
    const { text, isClosed } = await speak(
      hasty,
      (socket) => void socket.write(`${head("/json", "Content-Length: 5")}{`),
    );
    expect(text).toMatch(/^HTTP\/1.1 408 /);
    expect(text).toContain("body_too_slow");
    expect(isClosed).toBe(true);
  });

  it("anywhere else ends with its connection", async () => {
    const { text, isClosed, ms } = await speak(hasty, async (socket) => {
      socket.write(head("/raw", "Content-Length: 1000"));
      // A byte now and then does not help.
      for (let n = 0; n < 20 && !socket.destroyed; n++) {
        socket.write("x");
        await sleep(50);
      }
    });
    expect([text, isClosed]).toEqual(["", true]);
    expect(ms).toBeGreaterThanOrEqual(PATIENCE.wholeMs - 50);
  });

  it("is let in as an upload, as long as something comes", async () => {
    const { text } = await speak(
      hasty,
      async (socket) => {
        socket.write(head("/upload", "Content-Length: 20", "Connection: close"));
        for (let n = 0; n < 20; n++) {
          socket.write("x");
          await sleep(50);
        }
      },
      5_000,
    );
    expect(text).toMatch(/^HTTP\/1.1 200 [\s\S]*\r\n20$/);
  });

  it("is given up as an upload when nothing comes any more", async () => {
    const { text, isClosed } = await speak(
      hasty,
      (socket) => void socket.write(`${head("/upload", "Content-Length: 20")}x`),
    );
    expect([text, isClosed]).toEqual(["", true]);
  });
});

describe("a request that is two", () => {
  it.each([
    ["two lengths", ["Content-Length: 2", "Content-Length: 30"]],
    ["a length and chunks", ["Content-Length: 2", "Transfer-Encoding: chunked"]],
    ["chunks in disguise", ["Transfer-Encoding: xchunked", "Content-Length: 2"]],
  ])("by %s is refused, and the second never looked at", async (_, headers) => {
    const inner = "GET /api/v1/prospects HTTP/1.1\r\nHost: app\r\n\r\n";
    const { text, isClosed } = await speak(
      site,
      (socket) => void socket.write(`${head("/api/v1/jobs", ...headers)}{}${inner}`),
    );
    expect(text).toMatch(/^HTTP\/1.1 400 /);
    expect(text.match(/HTTP\/1.1/g)).toHaveLength(1);
    expect(isClosed).toBe(true);
  });
});
