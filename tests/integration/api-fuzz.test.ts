/**
 * Every route of the OpenAPI document with a hundred and fifty odd requests, by an owner and by nobody: never a 5xx, always the
 * envelope, never the personal number that the request held. In tests the app also checks each answer against its
 * schema, and fails what has changed something without a word in the audit trail.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { startApi, type TestApi } from "#tests/support/api.ts";
import { seedEnriched } from "#tests/support/merges.ts";
import { CNP, type OddRequest, type Operation, oddRequests } from "#tests/support/odd-requests.ts";
import { asService } from "#tests/support/secret-keys.ts";

/** Requests of a route, by an owner and by nobody; one that takes nothing but headers has less to be odd with. */
const RUNS = { owner: 120, nobody: 30 };
const RUNS_WITHOUT_INPUT = { owner: 20, nobody: 5 };

// What asks providers finds nobody.
const api: TestApi = await startApi({
  env: { ANAF_BASE_URL: "http://127.0.0.1:9", ANAF_BILANT_BASE_URL: "http://127.0.0.1:9" },
});
const document = (await (await api.app.request("/api/v1/openapi.json")).json()) as {
  paths: Record<string, Record<string, Operation>>;
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ ...operation, method, path })),
);
const ids: string[] = [DEFAULT_WORKSPACE_ID];

beforeAll(async () => {
  const job = await seedEnriched(
    api.deps.db,
    3,
    [{ n: 0, field: "web-discovery", value: { domain: "a.ro", website: "http://a.ro/" } }],
    { workspaceId: DEFAULT_WORKSPACE_ID },
  );
  ids.push(job.jobId, job.importId, ...job.ids);
});
afterAll(() => api.stop());

async function check(
  { path, method, headers, body }: OddRequest,
  who: Record<string, string>,
): Promise<void> {
  const init = { method, headers: { ...headers, ...who }, ...(body === undefined ? {} : { body }) };
  const answer = await api.app.request(path, init);
  const text = await answer.text();
  const told = `${method} ${path} -> ${answer.status} ${text.slice(0, 300)}`;
  expect(answer.status, told).toBeLessThan(500);
  expect(text, told).not.toContain(CNP);
  expect([...answer.headers.values()].join(), told).not.toContain(CNP);
  expect(answer.headers.get("x-content-type-options"), told).toBe("nosniff");
  if (answer.ok && !answer.headers.get("content-type")?.includes("json")) return;
  const envelope = JSON.parse(text);
  expect(Object.keys(envelope).sort(), told).toEqual(["data", "error", "meta", "success"]);
  expect(envelope.success, told).toBe(answer.ok);
  expect(envelope.meta.requestId, told).toBe(answer.headers.get("x-request-id"));
  if (!answer.ok) expect(envelope.error.code, told).toMatch(/^[a-z][a-z0-9_]*$/);
}

describe("every route", () => {
  it.concurrent.each(operations)("$method $path", { timeout: 120_000 }, async (operation) => {
    const takes = operation.requestBody ?? operation.parameters.find(({ in: place }) => place !== "header");
    const runs = takes ? RUNS : RUNS_WITHOUT_INPUT;
    const requests = oddRequests(operation, ids);
    await fc.assert(
      fc.asyncProperty(requests, (request) => check(request, asService)),
      { numRuns: runs.owner },
    );
    await fc.assert(
      fc.asyncProperty(requests, (request) => check(request, {})),
      { numRuns: runs.nobody },
    );
  });
});
