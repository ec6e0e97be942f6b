/** The waterfall's promises: least expected cost, never past the budget, every source at most once. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  expectationOf,
  indexOutcomes,
  nextSource,
  planWaterfall,
  rollUp,
  type Segment,
  type WaterfallSource,
} from "#src/domain/enrichment/waterfall.ts";

const segments: Segment[] = ["Ialomița", "Iași"].flatMap((county) =>
  ["SRL", "PFA"].map((legalForm) => ({ legalForm, caenDivision: "01", county })),
);

const sources: fc.Arbitrary<WaterfallSource[]> = fc
  .array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 5 })
  .map((prices) => prices.map((priceMicros, index) => ({ source: `source-${index}`, priceMicros })));

/** Any history of the sources: how often each was asked in each segment, found, and what it cost. */
const history = (of: WaterfallSource[]) =>
  fc.tuple(
    ...of.flatMap(({ source, priceMicros }) =>
      segments.map((segment) =>
        fc
          .record({
            asked: fc.integer({ min: 0, max: 2_000 }),
            hitPct: fc.integer({ min: 0, max: 100 }),
            chargedPct: fc.integer({ min: 0, max: 100 }),
          })
          .map(({ asked, hitPct, chargedPct }) => ({
            source,
            ...segment,
            asked,
            found: Math.round((asked * hitPct) / 100),
            costMicros: Math.round((asked * priceMicros * chargedPct) / 100),
          })),
      ),
    ),
  );

const situation = sources.chain((of) =>
  fc.record({
    of: fc.constant(of),
    outcomes: history(of).map((records) => indexOutcomes(rollUp(records))),
    segment: fc.constantFrom(...segments),
    draw: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  }),
);

describe("a waterfall", () => {
  it("has the least expected cost of all orders, by what its sources promise", () => {
    fc.assert(
      fc.property(situation, ({ of, outcomes, segment }) => {
        const expectedCost = (order: WaterfallSource[]) => {
          let reached = 1;
          let cost = 0;
          for (const source of order) {
            const promise = expectationOf(source, outcomes, segment);
            cost += reached * promise.costMicros;
            reached *= 1 - promise.hitRate;
          }
          return cost;
        };
        const least = Math.min(...permutations(of).map(expectedCost));
        expect(expectedCost(planWaterfall(of, outcomes, segment))).toBeLessThanOrEqual(least * (1 + 1e-9));
      }),
      { numRuns: 300 },
    );
  });

  it("never charges past the budget, whatever its sources find and charge", () => {
    const facts = fc.record({
      situation,
      maxCostMicros: fc.integer({ min: 0, max: 500_000 }),
      /** What each source does: it finds, and charges a part of its price. */
      deeds: fc.array(fc.record({ found: fc.boolean(), chargedPct: fc.integer({ min: 0, max: 100 }) }), {
        minLength: 5,
        maxLength: 5,
      }),
    });
    fc.assert(
      fc.property(facts, ({ situation: { of, outcomes, segment, draw }, maxCostMicros, deeds }) => {
        const order = planWaterfall(of, outcomes, segment, draw);
        const asked = new Set<string>();
        let spentMicros = 0;
        for (;;) {
          const next = nextSource(order, { asked, spentMicros, maxCostMicros });
          if (!next) break;
          expect(asked.has(next.source)).toBe(false);
          asked.add(next.source);
          const deed = deeds[of.indexOf(next)];
          spentMicros += Math.round((next.priceMicros * (deed?.chargedPct ?? 0)) / 100);
          expect(spentMicros).toBeLessThanOrEqual(maxCostMicros);
          if (deed?.found) return;
        }
        // It stops only when no other source could be paid for.
        for (const { source, priceMicros } of of) {
          if (!asked.has(source)) expect(spentMicros + priceMicros).toBeGreaterThan(maxCostMicros);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("has every source once, and is the same every time", () => {
    fc.assert(
      fc.property(situation, ({ of, outcomes, segment, draw }) => {
        const order = planWaterfall(of, outcomes, segment, draw);
        expect(order.toSorted((a, b) => of.indexOf(a) - of.indexOf(b))).toEqual(of);
        expect(planWaterfall(of, outcomes, segment, draw)).toEqual(order);
      }),
    );
  });
});

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first) =>
    permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
  );
}
