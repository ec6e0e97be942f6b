import { describe, expect, it } from "vitest";
import {
  drawOf,
  expectationOf,
  indexOutcomes,
  nextSource,
  planWaterfall,
  rollUp,
  type Segment,
  segmentOf,
} from "./waterfall.ts";

const dear = { source: "dear", priceMicros: 100_000 };
const cheap = { source: "cheap", priceMicros: 20_000 };
const free = { source: "free", priceMicros: 0 };

const segment: Segment = { legalForm: "SRL", caenDivision: "01", county: "Ialomița" };
const elsewhere: Segment = { ...segment, county: "Iași" };

/** Outcomes of a source in a segment; each ask cost what it costs at most. */
const record = (
  { source, priceMicros }: typeof dear,
  where: Segment,
  { asked, found }: { asked: number; found: number },
) => ({ source, ...where, asked, found, costMicros: asked * priceMicros });

const orderIn = (where: Segment, records: ReturnType<typeof record>[], draw?: number) =>
  planWaterfall([dear, cheap, free], indexOutcomes(rollUp(records)), where, draw).map(({ source }) => source);

describe("the order of a waterfall", () => {
  it("goes by price as long as nothing is known", () => {
    expect(orderIn(segment, [])).toEqual(["free", "cheap", "dear"]);
  });

  it("keeps the order given where sources promise the same", () => {
    const sources = ["b", "a", "c"].map((source) => ({ source, priceMicros: 5 }));
    expect(planWaterfall(sources, indexOutcomes([]), segment)).toEqual(sources);
  });

  it("puts a dear source that finds before a cheap one that does not", () => {
    const records = [
      record(dear, segment, { asked: 1_000, found: 900 }),
      record(cheap, segment, { asked: 1_000, found: 50 }),
    ];
    expect(orderIn(segment, records)).toEqual(["free", "dear", "cheap"]);
  });

  it("differs by segment once a segment has a record of its own", () => {
    const records = [
      record(dear, segment, { asked: 1_000, found: 900 }),
      record(cheap, segment, { asked: 1_000, found: 50 }),
      record(dear, elsewhere, { asked: 1_000, found: 500 }),
      record(cheap, elsewhere, { asked: 1_000, found: 500 }),
    ];
    expect(orderIn(segment, records)).toEqual(["free", "dear", "cheap"]);
    expect(orderIn(elsewhere, records)).toEqual(["free", "cheap", "dear"]);
  });

  it("is the wider segment's where a segment has next to no record", () => {
    const records = [
      record(dear, segment, { asked: 1_000, found: 900 }),
      record(cheap, segment, { asked: 1_000, found: 50 }),
      record(cheap, elsewhere, { asked: 1, found: 1 }),
    ];
    expect(orderIn(elsewhere, records)).toEqual(["free", "dear", "cheap"]);
  });

  it("begins with the least asked source for the few prospects that are drawn to explore", () => {
    const records = [
      record(free, segment, { asked: 500, found: 100 }),
      record(cheap, segment, { asked: 400, found: 200 }),
      record(dear, segment, { asked: 3, found: 1 }),
    ];
    expect(orderIn(segment, records, 0.019)).toEqual(["dear", "free", "cheap"]);
    expect(orderIn(segment, records, 0.02)).toEqual(["free", "cheap", "dear"]);
  });
});

describe("what a source promises", () => {
  it("moves from the wider segment's to its own record as that grows", () => {
    const rateAfter = (asked: number) => {
      const records = [
        record(cheap, elsewhere, { asked: 10_000, found: 1_000 }),
        record(cheap, segment, { asked, found: asked }),
      ];
      return expectationOf(cheap, indexOutcomes(rollUp(records)), segment).hitRate;
    };
    expect(rateAfter(0)).toBeCloseTo(0.1, 2);
    expect(rateAfter(20)).toBeCloseTo(0.55, 1);
    expect(rateAfter(1_000)).toBeGreaterThan(0.95);
  });

  it("costs what asks have cost, not what they cost at most", () => {
    const records = [{ ...record(dear, segment, { asked: 1_000, found: 100 }), costMicros: 10_000_000 }];
    const { costMicros } = expectationOf(dear, indexOutcomes(rollUp(records)), segment);
    expect(costMicros).toBeGreaterThan(10_000);
    expect(costMicros).toBeLessThan(11_000);
  });
});

describe("the next source", () => {
  const order = [dear, cheap, free];
  it.each([
    { asked: [], spentMicros: 0, maxCostMicros: Number.POSITIVE_INFINITY, next: "dear" },
    { asked: ["dear"], spentMicros: 100_000, maxCostMicros: 120_000, next: "cheap" },
    { asked: ["dear"], spentMicros: 100_000, maxCostMicros: 119_999, next: "free" },
    { asked: [], spentMicros: 0, maxCostMicros: 99_999, next: "cheap" },
    { asked: ["dear", "cheap", "free"], spentMicros: 0, maxCostMicros: 1e9, next: null },
  ])("after $asked, with $spentMicros of $maxCostMicros spent, is $next", ({ asked, next, ...spending }) => {
    expect(nextSource(order, { asked: new Set(asked), ...spending })?.source ?? null).toBe(next);
  });
});

describe("a prospect's segment", () => {
  it("is its legal form, the division of its first activity, and its county", () => {
    const activities = [{ code: "0111" }, { code: "4621" }];
    expect(segmentOf({ legalForm: "SRL", county: "Ialomița", activities })).toEqual(segment);
  });

  it("has blanks for what is not known", () => {
    const blank = { legalForm: "", caenDivision: "", county: "" };
    expect(segmentOf({ legalForm: null, county: null, activities: null })).toEqual(blank);
    expect(segmentOf({ legalForm: null, county: null, activities: [] })).toEqual(blank);
  });
});

describe("a prospect's draw", () => {
  it("lies from 0 to below 1, and is always the same", () => {
    expect(drawOf("0198c2f0-0000-7000-8000-000000000000")).toBe(0);
    expect(drawOf("0198c2f0-0000-7000-8000-0000ffffffff")).toBeLessThan(1);
    expect(drawOf("0198c2f0-0000-7000-8000-000080000000")).toBe(0.5);
  });
});
