import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { decide } from "#infra/engine/executor/decide.ts";
import { readAnswer } from "#infra/engine/executor/outcome.ts";
import { endEvents, invokedEvent } from "#infra/engine/executor/run-events.ts";
import { buildCall, queueItemId } from "#infra/engine/protocol/call.ts";
import { canonicalJson } from "#infra/engine/protocol/canonical-json.ts";
import { type FunctionSpec, readFunction } from "#infra/engine/protocol/functions.ts";
import { RunState } from "#infra/engine/state/run-state.ts";

// What a real server sent, against what we would send in the same place.
const recorded = JSON.parse(readFileSync(new URL("../fixtures/inngest/calls.json", import.meta.url), "utf8"));

const functions: FunctionSpec[] = recorded.register.request.functions.flatMap((raw: unknown) => {
  const read = readFunction(raw, "app");
  return "spec" in read ? [read.spec] : [];
});
const spec = (slug: string): FunctionSpec => {
  const found = functions.find((fn) => fn.slug === slug);
  if (!found) throw new Error(`no ${slug}`);
  return found;
};
const runOf = (call: {
  body: {
    ctx: { run_id: string; stack: { stack: string[] } };
    events: unknown[];
    steps: Record<string, unknown>;
    version: number;
  };
}): RunState => {
  const { ctx, events, steps, version } = call.body;
  const run = new RunState({
    id: ctx.run_id,
    fnId: "f",
    keys: "",
    parent: null,
    events: events.map(canonicalJson),
    version,
    ended: false,
    goQueued: false,
  });
  for (const id of ctx.stack.stack) run.finish(id, canonicalJson(steps[id]), "StepRun", id);
  run.durable = run.stack.length;
  return run;
};

test.each([
  ["firstCall", "rec-single", null],
  ["plannedStep", "rec-steps", "b78f576611ec06f96af3ca654c22172a5d746c40"],
  ["lateCall", "rec-steps", null],
  ["caughtCall", "rec-caught", null],
  ["failureCall", "rec-retry-failure", null],
  ["invokedCall", "rec-child", null],
  ["batchedCall", "rec-batched", null],
])("the body and headers of %s are those of a real server", (name, slug, stepId) => {
  const theirs = recorded[name];
  const fn = functions.find((candidate) => candidate.slug === slug) ?? {
    ...spec("rec-child"),
    slug,
    url: `http://localhost:3000/api/inngest?fnId=${slug}&stepId=step`,
  };
  const call = buildCall({
    fn,
    run: runOf(theirs),
    jobId: theirs.body.ctx.job_id,
    stepId,
    attempt: theirs.body.ctx.attempt,
    generation: theirs.body.ctx.generation_id,
    nowMs: 1_795_320_660_000,
  });
  const ours = JSON.parse(call.body);
  // These name things of our own; everything else must be equal. The first of parallel steps may be a step ahead.
  for (const key of ["fn_id", "request_id"]) theirs.body.ctx[key] = ours.ctx[key];
  theirs.body.ctx.stack.current = ours.ctx.stack.current;
  expect(ours).toEqual(theirs.body);
  expect(call.body).toBe(canonicalJson(ours));
  expect(call.url).toBe(theirs.url);
  // The signature is the signer's to add.
  const added = Object.keys(theirs.headers).filter(
    (header) => !["traceparent", "tracestate", "x-inngest-signature"].includes(header),
  );
  expect(Object.keys(call.headers).sort()).toEqual(added.sort());
});

test("every recorded function is taken, with all its options", () => {
  expect(functions.length).toBe(recorded.register.request.functions.length);
  expect(spec("rec-options")).toMatchObject({
    gates: { rateLimits: [{ limit: 1, periodMs: 86_400_000, key: "event.data.id" }] },
    throttle: { limit: 1, periodMs: 1_000, burst: 1, key: "event.data.k" },
    timeouts: { startMs: 60_000, finishMs: 120_000 },
    cancelOn: [{ event: "rec/cancel", timeoutMs: 3_600_000, expression: "async.data.k == event.data.k" }],
  });
  expect(spec("rec-batched").gates?.batch).toMatchObject({
    maxSize: 3,
    timeoutMs: 2_000,
    key: "event.data.k",
  });
  expect(spec("rec-debounced").gates?.debounce).toMatchObject({ periodMs: 2_000, maxMs: 10_000 });
  expect(spec("rec-single").gates?.singleton).toEqual({ mode: "skip", key: "event.data.k" });
});

test("a checkpoint names the queue item of its call", () => {
  const { ctx } = recorded.firstCall.body;
  expect(queueItemId(ctx.job_id)).toBe(ctx.qi_id);
});

test("the event of a failed run has the recorded shape", () => {
  const { event } = recorded.failureCall.body;
  const run = runOf({
    body: {
      ctx: { run_id: event.data.run_id, stack: { stack: [] } },
      events: [event.data.event],
      steps: {},
      version: 2,
    },
  });
  const [failed] = endEvents(
    spec("rec-retry"),
    run,
    { status: 2, output: canonicalJson(event.data.result) },
    event.ts,
  );
  expect(failed?.value).toEqual(event);
});

test("the event of an invoked run has what functions may look at", () => {
  const { event } = recorded.invokedCall.body;
  const { _inngest: theirs, ...data } = event.data;
  const run = runOf(recorded.firstCall);
  const stepId = "bc8d8647b02deea0ab3e715c220d041ee78cc19d";
  const call = {
    stepId,
    name: "call",
    functionSlug: "rec-child",
    payload: { data },
    deadlineMs: theirs.expire,
  };
  const { _inngest: ours, ...rest } = invokedEvent(spec("rec-invoke"), run, call, event.ts).value
    .data as typeof event.data;
  expect(rest).toEqual(data);
  expect(ours).toMatchObject({
    fn_id: theirs.fn_id,
    name: theirs.name,
    expire: theirs.expire,
    source_fn_v: 1,
  });
});

test("a recorded answer that ends the run is read as such", () => {
  const { status, response } = recorded.lateCall;
  const outcome = readAnswer(
    { kind: "response", status, headers: {}, body: JSON.stringify(response) },
    [],
    Date.now(),
  );
  const run = runOf(recorded.lateCall);
  const item = {
    id: "go",
    runId: run.id,
    fnId: "f",
    partition: "f|c|",
    kind: 1,
    stepId: null,
    attempt: 0,
    dueAtMs: 0,
    score: 0,
  };
  const decision = decide({ run, fn: spec("rec-steps"), item, nowMs: 0, retryDelayMs: () => 1 }, outcome);
  expect(decision.end).toEqual({ status: 1, output: '{"a":{"a":1},"b":1,"c":2}' });
});
