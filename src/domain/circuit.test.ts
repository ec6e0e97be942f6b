import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { admit, type Circuit, type CircuitRules, CLOSED, settle } from "./circuit.ts";

const rules: CircuitRules = { window: 10, failures: 5, openMs: 60_000 };

/** Calls one after another: F fails, S succeeds, - says nothing. */
function having(outcomes: string, from: Circuit = CLOSED): Circuit {
  let circuit = from;
  for (const outcome of outcomes) {
    const failed = outcome === "-" ? null : outcome === "F";
    circuit = settle(circuit, rules, { admitted: "call", failed }, 0);
  }
  return circuit;
}

describe("a circuit", () => {
  it.each([
    ["FFFF", "closed"],
    ["FFFFF", "open"],
    ["FSFSFSFSF", "open"],
    ["FFFFSSSSSSSF", "closed"], // the first failures have left the window
    ["FFFFSSSSSF", "open"],
    ["FFFF-----F", "open"],
    ["FFFF------", "closed"],
  ])("after %s is %s", (outcomes, state) => {
    expect(having(outcomes).state).toBe(state);
  });

  it("refuses everything while it is open, and says for how long", () => {
    const open = having("FFFFF");
    expect(admit(open, 0)).toEqual({ admitted: false, retryAfterMs: 60_000 });
    expect(admit(open, 59_999)).toEqual({ admitted: false, retryAfterMs: 1 });
  });

  it("then lets a single call through, which decides", () => {
    const probe = admit(having("FFFFF"), 60_000);
    expect(probe).toEqual({ admitted: "probe", circuit: { state: "probing" } });
    const probing: Circuit = { state: "probing" };
    expect(admit(probing, 60_001)).toEqual({ admitted: false, retryAfterMs: null });
    expect(settle(probing, rules, { admitted: "probe", failed: false }, 61_000)).toEqual(CLOSED);
    expect(settle(probing, rules, { admitted: "probe", failed: true }, 61_000)).toEqual({
      state: "open",
      untilMs: 121_000,
    });
  });

  it("lets another one through when we gave the first up ourselves", () => {
    const given = settle({ state: "probing" }, rules, { admitted: "probe", failed: null }, 61_000);
    expect(admit(given, 61_000)).toMatchObject({ admitted: "probe" });
  });

  it("does not care for calls that began before it opened", () => {
    for (const circuit of [having("FFFFF"), { state: "probing" } as const]) {
      for (const failed of [true, false])
        expect(settle(circuit, rules, { admitted: "call", failed }, 1)).toEqual(circuit);
    }
  });

  it("is closed exactly as long as no ten calls in a row had five failures", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 40 }), (failed) => {
        const windows = failed.map((_, end) => failed.slice(Math.max(0, end - 9), end + 1));
        const trips = windows.some((window) => window.filter(Boolean).length >= 5);
        const circuit = having(failed.map((each) => (each ? "F" : "S")).join(""));
        expect(circuit.state).toBe(trips ? "open" : "closed");
      }),
    );
  });
});
