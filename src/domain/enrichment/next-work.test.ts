import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextWork, type PlanShape, type Work } from "./next-work.ts";

const plan: PlanShape = {
  fields: [
    { id: "a", required: true, needs: [] },
    { id: "b", required: true, needs: ["a"] },
    { id: "slow", required: false, needs: ["a"] },
  ],
  stages: ["merge", "score"],
};
const work = (entries: Record<string, Work["status"] | [Work["status"], number]>) =>
  new Map<string, Work>(
    Object.entries(entries).map(([id, value]) =>
      typeof value === "string"
        ? [id, { status: value, version: 0 }]
        : [id, { status: value[0], version: value[1] }],
    ),
  );

describe("what may start on a chunk", () => {
  it("starts with the fields that need nothing", () => {
    expect(nextWork(plan, work({}), 0)).toEqual({ ready: [{ id: "a", version: 0 }], ended: false });
  });

  it("starts what needs an ended field, also a failed one", () => {
    expect(nextWork(plan, work({ a: "failed" }), 1).ready.map((item) => item.id)).toEqual(["b", "slow"]);
  });

  it("merges as soon as the required fields are done, whatever the slow ones do", () => {
    expect(nextWork(plan, work({ a: "done", b: "done", slow: "running" }), 2).ready).toEqual([
      { id: "merge", version: 2 },
    ]);
  });

  it("scores what was merged", () => {
    const state = work({ a: "done", b: "done", slow: "running", merge: ["done", 2] });
    expect(nextWork(plan, state, 2).ready).toEqual([{ id: "score", version: 2 }]);
  });

  it("merges again when a late value arrives, but only after the score in hand is not waiting for it", () => {
    const state = work({ a: "done", b: "done", slow: "done", merge: ["done", 2], score: ["done", 2] });
    expect(nextWork(plan, state, 3).ready).toEqual([{ id: "merge", version: 3 }]);
  });

  it("has ended when every field has and the last stage has seen every value", () => {
    const state = work({ a: "done", b: "done", slow: "done", merge: ["done", 3], score: ["done", 3] });
    expect(nextWork(plan, state, 3)).toEqual({ ready: [], ended: true });
  });

  it("ends when a stage has failed for good", () => {
    const state = work({ a: "done", b: "done", slow: "done", merge: ["failed", 3] });
    expect(nextWork(plan, state, 3)).toEqual({ ready: [], ended: true });
  });

  it("reaches the end in any order of completion, with every value scored and no work started twice at once", () => {
    const plans = fc.constant(plan);
    fc.assert(
      fc.property(plans, fc.array(fc.nat(), { minLength: 40, maxLength: 40 }), (anyPlan, choices) => {
        const state = new Map<string, Work>();
        let values = 0;
        const running: string[] = [];
        for (const choice of choices) {
          const next = nextWork(anyPlan, state, values);
          for (const item of next.ready) {
            expect(running).not.toContain(item.id);
            state.set(item.id, { status: "running", version: item.version });
            running.push(item.id);
          }
          if (next.ended) break;
          const [id] = running.splice(choice % running.length, 1);
          const mine = state.get(id as string) as Work;
          state.set(id as string, { ...mine, status: "done" });
          if (anyPlan.fields.some((field) => field.id === id)) values += 1;
        }
        expect(nextWork(anyPlan, state, values)).toEqual({ ready: [], ended: true });
        expect(state.get("score")?.version).toBe(3);
      }),
    );
  });
});
