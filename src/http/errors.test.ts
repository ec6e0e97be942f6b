import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ConflictError, InvalidInputError, NotFoundError, UnauthorizedError } from "#src/domain/errors.ts";
import { createLogger } from "#src/platform/logger.ts";
import { type AppEnv, fail } from "./envelope.ts";
import { errorHandler, invalidRequest } from "./errors.ts";
import { requestLog } from "./middleware/request.ts";

const CNP = "1800101221144";
const lines: string[] = [];
const logger = createLogger("debug", { write: (line) => lines.push(line) });

function appThatThrows(error: unknown) {
  const app = new Hono<AppEnv>();
  app.use(requestLog(logger));
  app.onError(errorHandler(logger));
  app.get("/*", () => {
    throw error;
  });
  return app;
}

describe("answers to errors", () => {
  it.each([
    [new InvalidInputError("bad_file", "No."), 422],
    [new NotFoundError("job_not_found", "No."), 404],
    [new ConflictError("busy", "No."), 409],
    [new UnauthorizedError("unauthorized", "No."), 401],
  ])("have the envelope and the status of %s", async (error, status) => {
    const answer = await appThatThrows(error).request("/");
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({
      success: false,
      data: null,
      error: { code: error.code, message: "No." },
      meta: { requestId: answer.headers.get("x-request-id") },
    });
  });

  it("name the field that does not fit", async () => {
    const { error } = z.object({ limit: z.number() }).safeParse({ limit: "x" });
    const answer = await appThatThrows(invalidRequest(error as z.ZodError)).request("/");
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({ error: { code: "invalid_request", field: "limit" } });
  });

  it("tell nothing of our insides, and no personal number, in answer or log", async () => {
    const answer = await appThatThrows(new Error(`SELECT secret ${CNP}`)).request(`/people/${CNP}`);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toMatch(/SELECT|1800101/);
    expect(lines.join()).toContain("request failed");
    expect(lines.join()).not.toContain(CNP);
  });

  it("take a schema of ours that does not hold for our fault, not for the caller's", async () => {
    const app = new Hono<AppEnv>().onError(errorHandler(logger));
    app.get("/", (c) => c.json(z.string().parse(1)));
    expect((await app.request("/")).status).toBe(500);
  });

  it("never echo a personal number that the request held", async () => {
    const app = new Hono<AppEnv>().notFound((c) => fail(c, 404, { code: "x", message: `No ${c.req.path}` }));
    expect(await (await app.request(`/${CNP}`)).text()).not.toContain(CNP);
  });
});
