import { describe, expect, it } from "vitest";
import { type ExpectedField, nextCall, type ScoredProspect } from "./next-call.ts";

/** A prospect of whom `count` attributes are known. */
const prospect = (
  count: number,
  tier: ScoredProspect["tier"],
  more: Partial<ScoredProspect> = {},
): ScoredProspect => ({
  isNaturalPerson: false,
  tier,
  golden: Object.fromEntries(
    Array.from({ length: count }, (_, n) => [`attribute${n}`, { value: n, confidencePct: 90 }]),
  ),
  answered: {},
  ...more,
});
const field = (id: string, more: Partial<ExpectedField> = {}): ExpectedField => ({
  id,
  needs: [],
  costMicros: 10_000,
  hitRate: 0.5,
  brings: { [`${id}A`]: 1, [`${id}B`]: 1 },
  confidencePct: 90,
  ...more,
});
const discovery = field("email-discovery", {
  costMicros: 30_000,
  brings: { email: 1, emailKind: 1 },
  when: { lacks: ["email"] },
});
const verification = field("email-verification", {
  needs: ["email-discovery"],
  costMicros: 8_000,
  hitRate: 1,
  brings: { email: 1, emailVerified: 0.8, emailStatus: 1 },
  when: { has: ["email"] },
});

describe("the cheapest next call", () => {
  it("is the one that costs least for each prospect that it raises, not the one with the lowest price", () => {
    const cheap = field("cheap", { costMicros: 10_000, hitRate: 0.1 });
    const sure = field("sure", { costMicros: 40_000, hitRate: 0.8 });
    expect(nextCall(prospect(7, "bronze"), [cheap, sure])).toEqual({
      field: "sure",
      tier: "silver",
      missing: { attributes: 1, verifiedEmail: false, confidencePct: 0 },
      calls: [{ field: "sure", costMicros: 40_000, brings: ["sureA", "sureB"], probability: 0.8 }],
      totalMicros: 40_000,
      expectedMicros: 50_000,
      probability: 0.8,
    });
  });

  it("names two calls where one is not enough: an address to verify, and its verification", () => {
    const call = nextCall(prospect(12, "silver"), [verification, discovery]);
    expect(call).toMatchObject({
      field: "email-discovery",
      tier: "gold",
      missing: { attributes: 0, verifiedEmail: true },
      totalMicros: 38_000,
    });
    expect(call?.calls.map((each) => each.field)).toEqual(["email-discovery", "email-verification"]);
    expect(call?.probability).toBeCloseTo(0.5 * 0.8);
    // Every discovery is paid for, a verification only after a find.
    expect(call?.expectedMicros).toBe(Math.round((30_000 + 0.5 * 8_000) / 0.4));
  });

  it("is the verification alone where an address is known", () => {
    const known = prospect(12, "silver");
    const golden = { ...known.golden, email: { value: "office@a.ro", confidencePct: 90 } };
    const call = nextCall({ ...known, golden, answered: { "email-discovery": "fresh" } }, [
      discovery,
      verification,
    ]);
    expect(call?.calls.map((each) => each.field)).toEqual(["email-verification"]);
  });

  it.each<[string, ScoredProspect, ExpectedField[]]>([
    ["the prospect is gold", prospect(13, "gold"), [field("more")]],
    ["it was struck off", deregistered(), [field("more")]],
    ["too much is missing", prospect(1, "unqualified"), [field("more")]],
    [
      "what was found would be too unsure",
      prospect(7, "bronze"),
      [field("odd", { confidencePct: 0, brings: { a: 1, b: 1, c: 1 } })],
    ],
    ["the answer is still fresh", prospect(7, "bronze", { answered: { more: "fresh" } }), [field("more")]],
    ["no source is in use", prospect(7, "bronze"), [field("more", { costMicros: null })]],
    ["the plan's rule leaves it out", prospect(7, "bronze"), [field("more", { when: { has: ["domain"] } })]],
    ["nothing was ever found", prospect(7, "bronze"), [field("more", { brings: {} })]],
    ["it rarely brings anything", prospect(7, "bronze"), [field("more", { brings: { a: 0.2 } })]],
  ])("is none when %s", (_, of, fields) => {
    expect(nextCall(of, fields)).toBeNull();
  });

  it("waits for the fields that it needs, unless they cannot be asked anyway", () => {
    const second = field("second", { needs: ["first", "quality-score"] });
    const first = field("first", { brings: {} });
    expect(nextCall(prospect(7, "bronze"), [first, second])).toBeNull();
    expect(nextCall(prospect(7, "bronze", { answered: { first: "stale" } }), [first, second])?.field).toBe(
      "second",
    );
    expect(nextCall(prospect(7, "bronze"), [{ ...first, costMicros: null }, second])?.field).toBe("second");
  });

  it("counts only what is not known yet", () => {
    const known = field("more", { brings: { attribute1: 1, attribute2: 1 } });
    expect(nextCall(prospect(7, "bronze"), [known])).toBeNull();
  });
});

function deregistered(): ScoredProspect {
  const struckOff = prospect(7, "unqualified");
  return { ...struckOff, golden: { ...struckOff.golden, deregistered: { value: true, confidencePct: 95 } } };
}
