import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextStage, type PlanShape, readyFields, type Work } from "./next-work.ts";

const plan: PlanShape = {
  fields: [
    { id: "a", required: true, needs: [] },
    { id: "b", required: true, needs: ["a"] },
    { id: "slow", required: false, needs: ["a"] },
    { id: "paid", required: false, needs: ["score"] },
    { id: "last", required: false, needs: ["paid", "slow"] },
  ],
  stages: ["merge", "score"],
};
const work = (entries: Record<string, Work["status"] | [Work["status"], number]>) =>
  new Map<string, Work>(
    Object.entries(entries).map(([id, value]) => {
      const [status, version] = typeof value === "string" ? [value, 0] : value;
      return [id, { status, version, endedOnce: status === "done" || status === "failed" }];
    }),
  );

describe("the fields that may start on a chunk", () => {
  it("are those that need nothing, at first", () => {
    expect(readyFields(plan, work({}))).toEqual(["a"]);
  });

  it("are those whose needs have ended, well or badly", () => {
    expect(readyFields(plan, work({ a: "failed" }))).toEqual(["b", "slow"]);
    expect(readyFields(plan, work({ a: "done", b: "running", slow: "done" }))).toEqual([]);
  });

  it("may need a stage, and do not wait for it to run again", () => {
    const scored = work({ a: "done", b: "done", slow: "running", merge: ["done", 2], score: ["done", 2] });
    expect(readyFields(plan, scored)).toEqual(["paid"]);
    scored.set("score", { status: "running", version: 3, endedOnce: true });
    expect(readyFields(plan, scored)).toEqual(["paid"]);
    scored.set("score", { status: "running", version: 2, endedOnce: false });
    expect(readyFields(plan, scored)).toEqual([]);
  });
});

describe("the stage that may start on a chunk", () => {
  const none = { ready: null, ended: false };

  it("is none before the required fields have ended", () => {
    expect(nextStage(plan, work({ a: "done", b: "running", slow: "done" }), 2)).toEqual(none);
  });

  it("is the first as soon as they have, whatever the slow ones do", () => {
    expect(nextStage(plan, work({ a: "done", b: "done", slow: "running" }), 2).ready).toEqual({
      id: "merge",
      version: 2,
    });
  });

  it("scores what was merged", () => {
    const state = work({ a: "done", b: "done", slow: "running", merge: ["done", 2] });
    expect(nextStage(plan, state, 2).ready).toEqual({ id: "score", version: 2 });
  });

  it("waits with late values while others are under way, but not for long", () => {
    const state = work({
      ...{ a: "done", b: "done", slow: "done", paid: "running" },
      ...{ merge: ["done", 2], score: ["done", 2] },
    });
    expect(nextStage(plan, state, 6)).toEqual(none);
    expect(nextStage(plan, state, 7).ready).toEqual({ id: "merge", version: 7 });
  });

  it("merges late values at once when what is left waits for its turn only", () => {
    const state = work({
      ...{ a: "done", b: "done", slow: "done", paid: "ready" },
      ...{ merge: ["done", 2], score: ["done", 2] },
    });
    expect(nextStage(plan, state, 3).ready).toEqual({ id: "merge", version: 3 });
  });

  const allDone = { a: "done", b: "done", slow: "done", paid: "failed", last: "done" } as const;

  it("is none, and the chunk has ended, when the last stage has seen every value", () => {
    const state = work({ ...allDone, merge: ["done", 5], score: ["done", 5] });
    expect(nextStage(plan, state, 5)).toEqual({ ready: null, ended: true });
    expect(nextStage(plan, work({ ...allDone, merge: ["failed", 5] }), 5)).toEqual({
      ready: null,
      ended: true,
    });
  });
});

it("a chunk reaches its end in any order of completion, with every value scored and nothing started twice at once", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 60, maxLength: 60 }), (choices) => {
      const state = new Map<string, Work>();
      let values = 0;
      const running: string[] = [];
      const start = (id: string, version: number) => {
        expect(running).not.toContain(id);
        state.set(id, { status: "running", version, endedOnce: state.get(id)?.endedOnce ?? false });
        running.push(id);
      };
      const goOn = () => {
        for (const id of readyFields(plan, state)) start(id, 0);
        const { ready, ended } = nextStage(plan, state, values);
        if (ready) start(ready.id, ready.version);
        return ended;
      };
      for (const choice of choices) {
        if (goOn()) break;
        const [id] = running.splice(choice % running.length, 1) as [string];
        state.set(id, { ...(state.get(id) as Work), status: "done", endedOnce: true });
        if (plan.fields.some((field) => field.id === id)) values += 1;
      }
      expect(goOn()).toBe(true);
      expect(running).toEqual([]);
      expect(state.get("score")?.version).toBe(plan.fields.length);
    }),
  );
});
