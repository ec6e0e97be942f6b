import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { writeSampleRegistry } from "#infra/demo/sample-registry.ts";
import { eventually } from "#tests/support/eventually.ts";
import { type MainJob, sampleDir, startMainJob } from "#tests/support/main-job.ts";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "#tests/support/otlp-receiver.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

let receiver: OtlpReceiver;
let main: MainJob;
/** Two chunks: few enough to share the request's trace. */
const ROWS = 120;

beforeAll(async () => {
  withoutServiceUrls();
  receiver = await startOtlpReceiver();
  main = await startMainJob({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "200",
    },
  });
  const { file } = await writeSampleRegistry({ dir: sampleDir(main.dataDir), rows: ROWS, seed: 5 });
  const job = await main.finished(await main.upload(file));
  expect(job).toMatchObject({ status: "done", prospects: { total: ROWS } });
});
afterAll(async () => {
  await main?.stop();
  await receiver?.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

/** The spans of the trace that a request of this name began. */
const traceOf = (name: string): ReceivedSpan[] => {
  const root = receiver.spans.find((span) => span.name === name);
  return receiver.spans.filter(({ traceId }) => traceId === root?.traceId);
};

it("an upload's trace goes from the request to the steps of every field and to the providers", async () => {
  const functions = (spans: ReceivedSpan[]) =>
    new Set(spans.map((span) => span.attributes["inngest.function"]));
  const spans = await eventually(async () => {
    const found = traceOf("POST /api/v1/imports");
    return functions(found).has("quality-score") && found;
  });
  expect([...functions(spans)]).toEqual(
    expect.arrayContaining(["import-registry", "cui-validation", "fiscal-status", "merge", "web-content"]),
  );
  const calls = spans.filter(({ kind }) => kind === 3);
  expect(new Set(calls.map(({ attributes }) => attributes.provider))).toContain("anaf");
  // Each call was made by a step, and each step belongs to the request.
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  for (const { parentSpanId } of calls) {
    const step = byId.get(parentSpanId ?? "");
    expect(step?.attributes["inngest.step"]).toMatch(/^ask-/);
    expect(byId.get(step?.parentSpanId ?? "")?.name).toBe("POST /api/v1/imports");
  }
});

it("spans hold nothing of a company or a person", async () => {
  const prospects = await main.query<{ name: string; cui: number; golden: Record<string, unknown> | null }>(
    "SELECT name, cui, golden FROM prospects",
  );
  const all = receiver.raw.join();
  expect(all.length).toBeGreaterThan(10_000);
  for (const { name, cui, golden } of prospects) {
    expect(all).not.toContain(name);
    expect(all).not.toContain(`"${cui}"`);
    const email = JSON.stringify(golden ?? {}).match(/[\w.]+@[\w.]+/)?.[0];
    if (email) expect(all).not.toContain(email);
  }
});

it("metrics tell of runs, queues, providers and requests, to who has the key", async () => {
  const url = `${main.stack.env.APP_URL}/metrics`;
  expect((await fetch(url)).status).toBe(401);
  const wrong = { headers: { authorization: "Bearer wrong" } };
  expect((await fetch(url, wrong)).status).toBe(401);
  const answer = await fetch(url, { headers: { authorization: `Bearer ${main.stack.env.METRICS_KEY}` } });
  expect(answer.status).toBe(200);
  const metrics = await answer.text();
  expect(metrics).toMatch(/^worker_jobs_processed_total\{function="cui-validation"\} 2$/m);
  expect(metrics).toMatch(/^worker_job_duration_bucket\{function="merge",le="/m);
  expect(metrics).toMatch(
    /^provider_calls_total\{provider="anaf",operation="[\w-]+",outcome="answered"\} \d+$/m,
  );
  expect(metrics).toMatch(/^http_server_request_duration_count\{.*http_route="\/api\/v1\/jobs\/:id"/m);
  expect(metrics).toMatch(/^outbox_pending \d+$/m);
});
