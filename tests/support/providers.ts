/** Hands a simulated provider to msw, so that no request leaves the process. */
import { Hono } from "hono";
import { HttpResponse, http } from "msw";
import { type SetupServer, setupServer } from "msw/node";
import { onTestFinished } from "vitest";
import { RESET_HEADER } from "#infra/simulator/kit.ts";
import { createLogger } from "#src/platform/logger.ts";
import type { RequestContext } from "#src/platform/provider.ts";

let inHand: SetupServer | null = null;

/** msw refuses to close what is closed. */
function stop(): void {
  inHand?.close();
  inHand = null;
}

/**
 * Until the test ends, or another app takes its place, requests beneath `baseUrl` go to the app, as if it were mounted
 * there; any other request is an error. To be called within a test.
 */
export function interceptProvider(
  // biome-ignore lint/suspicious/noExplicitAny: apps differ in their bindings
  app: Hono<any>,
  { baseUrl = "https://provider.test" }: { baseUrl?: string } = {},
): { baseUrl: string } {
  const server = setupServer(
    http.all(`${baseUrl}/*`, async ({ request }) => {
      const url = new URL(request.url);
      const path = url.pathname.slice(new URL(baseUrl).pathname.replace(/\/$/, "").length);
      const { method, headers } = request;
      const body = method === "GET" ? null : await request.text();
      const response = await app.request(`${path}${url.search}`, { method, headers, body });
      return response.headers.has(RESET_HEADER) ? HttpResponse.error() : response;
    }),
  );
  stop();
  server.listen({ onUnhandledFrame: "error" });
  inHand = server;
  onTestFinished(stop);
  return { baseUrl };
}

/** An app that answers every request alike: for what no simulator says. */
export const answerAlways = (body: string, status = 200, headers: Record<string, string> = {}): Hono =>
  new Hono().all("*", () => new Response(body, { status, headers }));

/** What an operation is asked with, when no gateway asks. */
export const requestContext = (): RequestContext => ({
  signal: new AbortController().signal,
  onSent: () => {},
  asOf: "2026-11-22",
  logger: createLogger("silent"),
});
