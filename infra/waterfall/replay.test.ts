import { describe, expect, it } from "vitest";
import { asItWas, createHistory, replay, total } from "./replay.ts";
import { printSimulation, simulate } from "./report.ts";

const way = (
  prospects: number,
  asks: [source: string, found: boolean, costMicros: number][],
  county = "Iași",
) => ({
  legalForm: "SRL",
  county,
  caenCode: "0111",
  prospects,
  asks: asks.map(([source, found, costMicros]) => ({ source, found, costMicros })),
});

/** In Iași "dear" finds nearly all; in Cluj next to nothing, where "cheap" does. 100 prospects each. */
const history = createHistory([
  way(90, [["dear", true, 100]]),
  way(4, [
    ["dear", false, 100],
    ["cheap", true, 10],
  ]),
  way(6, [
    ["dear", false, 100],
    ["cheap", false, 10],
  ]),
  way(10, [["dear", true, 100]], "Cluj"),
  way(
    80,
    [
      ["dear", false, 100],
      ["cheap", true, 10],
    ],
    "Cluj",
  ),
  way(
    10,
    [
      ["dear", false, 100],
      ["cheap", false, 10],
    ],
    "Cluj",
  ),
]);

describe("a replay", () => {
  it("of what happened has nothing estimated", () => {
    const was = asItWas(history);
    expect(was.asked).toEqual({
      dear: { known: 200, estimated: 0 },
      cheap: { known: 100, estimated: 0 },
    });
    expect(was.found).toEqual({ known: 184, estimated: 0 });
    expect(was.costMicros).toEqual({ known: 200 * 100 + 100 * 10, estimated: 0 });
    expect(replay(history, () => ["dear", "cheap"])).toEqual(was);
  });

  it("of one source alone knows what it would have found where it was asked", () => {
    const alone = replay(history, () => ["dear"]);
    expect(alone.found).toEqual({ known: 100, estimated: 0 });
    expect(alone.asked.cheap).toBeUndefined();
  });

  it("of another order keeps what is known apart from what is estimated", () => {
    const turned = replay(history, () => ["cheap", "dear"]);
    // Asked, though it was never asked: those for whom "dear" had found the value.
    expect(turned.asked.cheap).toEqual({ known: 100, estimated: 100 });
    // Known of "dear": the 16 for whom "cheap" is known to find nothing.
    expect(turned.asked.dear?.known).toBe(16);
    expect(turned.asked.dear?.estimated).toBeGreaterThan(20);
    // "dear" is known to find all that "cheap" might have missed: what is found in all is the same.
    expect(total(turned.found)).toBeCloseTo(184, 6);
    expect(total(turned.costMicros)).toBeLessThan(total(asItWas(history).costMicros));
  });

  it("may order sources by segment", () => {
    const cluj = replay(history, ({ county }) => (county === "Cluj" ? ["cheap", "dear"] : ["dear", "cheap"]));
    const everywhere = replay(history, () => ["cheap", "dear"]);
    expect(cluj.asked.cheap?.estimated).toBe(10);
    expect(everywhere.asked.cheap?.estimated).toBe(100);
  });

  it("leaves out sources that were not asked for, and those nobody knows", () => {
    expect(replay(history, () => ["nobody"])).toMatchObject({ asked: {}, found: { known: 0, estimated: 0 } });
  });
});

describe("a simulation", () => {
  const simulation = simulate("legal-data", history, { order: ["cheap"], segment: "county" });

  it("has what happened, the learned order, the one asked for and every other", () => {
    expect(simulation.orders.map(({ kind, order }) => [kind, order])).toEqual([
      ["as it was", null],
      ["learned", null],
      ["given", ["cheap"]],
      ["permutation", ["dear", "cheap"]],
      ["permutation", ["cheap", "dear"]],
    ]);
    expect(simulation).toMatchObject({ prospects: 200, sources: ["dear", "cheap"] });
  });

  it("learns an order that costs no more than the one that was taken", () => {
    const [was, learned] = simulation.orders;
    expect(learned?.costPerHitMicros).toBeLessThan(was?.costPerHitMicros ?? 0);
  });

  it("shows each segment, the largest first", () => {
    expect(simulation.segments?.map(({ value, prospects }) => [value, prospects])).toEqual([
      ["Cluj", 100],
      ["Iași", 100],
    ]);
    expect(simulation.segments?.[0]?.learned).toEqual(["cheap", "dear"]);
    const found = simulation.segments?.map(({ orders }) =>
      total(orders[0]?.found ?? { known: 0, estimated: 0 }),
    );
    expect(found).toEqual([90, 94]);
  });

  it("marks estimates, and only those, when it is printed", () => {
    const lines = printSimulation(simulation, false).split("\n");
    const row = (name: string) => lines.find((line) => line.includes(` ${name} `)) ?? "";
    expect(row("as it was")).not.toContain("~");
    expect(row("dear > cheap")).not.toContain("~");
    expect(row("cheap > dear")).toMatch(/~200/);
    expect(row("Cluj")).toContain("cheap > dear");
  });
});
