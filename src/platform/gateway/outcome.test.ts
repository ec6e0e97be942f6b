import { describe, expect, it } from "vitest";
import { ProviderError, type ProviderErrorKind } from "../provider-error.ts";
import { holdOf, ledgerEndOf, type Outcome } from "./outcome.ts";

const payer = { provider: "hunter", jobId: "job", day: "2026-11-22" };
const call = {
  id: "call",
  attempt: 1,
  heldMicros: 10,
  credited: false,
  questions: [
    { subject: "a", prospectId: "p1" },
    { subject: "b", prospectId: "p2" },
  ],
};
type WithoutCall =
  Outcome<unknown> extends infer Each ? (Each extends unknown ? Omit<Each, "call"> : never) : never;
const PAID = { payer, price: { costMicros: 10, chargedFor: "answered" }, repeatable: false } as const;
const end = (outcome: WithoutCall, terms: Parameters<typeof ledgerEndOf>[1] = PAID) =>
  ledgerEndOf({ call, ...outcome } as Outcome<unknown>, terms);
const answered = (
  answers: [string, { status: "found"; body: unknown; costMicros?: number } | { status: "not_found" }][],
) => ({ kind: "answered", answers: new Map(answers), durationMs: 12.4 }) as const;
const failed = (error: unknown) => ({ kind: "failed", error, durationMs: 5 }) as const;

describe("the price of an answer", () => {
  const both = answered([
    ["a", { status: "found", body: 1 }],
    ["b", { status: "not_found" }],
  ]);
  it.each([
    ["answered", 20],
    ["found", 10],
    ["nothing", 0],
  ] as const)("charged for what is %s", (chargedFor, cost) => {
    const { end: ended, changes } = end(both, { ...PAID, price: { costMicros: 10, chargedFor } });
    expect(ended).toMatchObject({ status: "settled", costMicros: cost, found: 1, durationMs: 12 });
    expect(changes.reduce((sum, { spentMicros }) => sum + spentMicros, 0)).toBe(cost);
    expect(changes.reduce((sum, { heldMicros }) => sum + heldMicros, 0)).toBe(-20);
  });

  it("is what the provider says, up to what was held", () => {
    const { end: ended } = end(
      answered([
        ["a", { status: "found", body: 1, costMicros: 4 }],
        ["b", { status: "found", body: 1, costMicros: 25 }],
      ]),
    );
    expect(ended).toMatchObject({ costMicros: 14, overchargedMicros: 15 });
  });

  it("is nothing for a subject that it does not speak of", () => {
    const { end: ended, changes } = end(answered([["a", { status: "found", body: 1 }]]));
    expect(ended).toMatchObject({ costMicros: 10, answers: [{ subject: "a" }] });
    expect(changes[1]).toMatchObject({ prospectId: "p2", heldMicros: -10, spentMicros: 0 });
  });

  it("holds nothing where nothing is charged", () => {
    expect(holdOf({ costMicros: 10, chargedFor: "nothing" })).toBe(0);
    expect(holdOf({ costMicros: 10, chargedFor: "found" })).toBe(10);
  });
});

describe("a paid call without an answer", () => {
  const error = (kind: ProviderErrorKind, charged?: boolean) =>
    new ProviderError("hunter", kind, { charged });

  it.each(["rate_limited", "spent", "unauthorized", "not_found", "rejected"] as const)(
    "has cost nothing when the provider refused it (%s)",
    (kind) => {
      const { end: ended, changes } = end(failed(error(kind)));
      expect(ended).toMatchObject({ status: "failed", errorKind: kind, costMicros: 0, requested: true });
      expect(changes).toHaveLength(2);
    },
  );

  it.each([error("unavailable"), error("bad_response"), new Error("a bug")])(
    "is unknown after %s",
    (thrown) => {
      const { end: ended, changes } = end(failed(thrown));
      expect(ended).toMatchObject({ status: "unknown", lost: false });
      expect(changes).toEqual([]);
    },
  );

  it("is what its client knows it to be", () => {
    expect(end(failed(error("unavailable", false))).end.status).toBe("failed");
    const { end: ended, changes } = end(failed(error("bad_response", true)));
    expect(ended).toMatchObject({ status: "settled", costMicros: 20, lost: true });
    expect(changes).toMatchObject([{ spentMicros: 10 }, { spentMicros: 10 }]);
  });

  it("is free again where it was never asked, whatever the reason", () => {
    const { end: ended, changes } = end({ kind: "unasked", error: error("unavailable") });
    expect(ended).toMatchObject({ status: "failed", requested: false, durationMs: null, rateLimited: false });
    expect(changes).toMatchObject([{ heldMicros: -10 }, { heldMicros: -10 }]);
  });
});

describe("a call that may be repeated", () => {
  it("has failed, whatever happened to it", () => {
    const free = { ...PAID, price: { costMicros: 0, chargedFor: "nothing" }, repeatable: true } as const;
    expect(end(failed(new ProviderError("anaf", "unavailable")), free).end.status).toBe("failed");
    expect(end(failed(new Error("a bug")), free).end).toMatchObject({
      status: "failed",
      errorKind: "internal",
    });
  });
});
