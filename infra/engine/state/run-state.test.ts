import { expect, test } from "vitest";
import { RunState } from "./run-state.ts";

const init = { id: "run", fnId: "fn", keys: "", parent: null, events: ["{}"], version: 2, ended: false };

test("a run that has a result was started, also when the call that it came with is forgotten", () => {
  const run = new RunState({ ...init, goQueued: true, called: false });
  expect(run.started).toBe(false);
  run.called = true;
  run.finish("a", "1", "StepRun", "a");
  run.called = false;
  expect(run.started).toBe(true);
});

test("a call carries the results that are durable, in the order in which they came", () => {
  const run = new RunState({ ...init, goQueued: true });
  for (const id of ["b", "a", "c"]) run.finish(id, `"${id}"`, "StepRun", id);
  run.durable = 2;
  expect(run.carried()).toEqual({ stack: ["b", "a"], steps: '{"a":"a","b":"b"}' });
});
