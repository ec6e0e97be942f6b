import fc from "fast-check";
import { expect, test } from "vitest";
import { type Slot, SlotTable } from "./concurrency.ts";

test("no slot is ever used beyond its limit, and all are free in the end", () => {
  const steps = fc.array(fc.record({ own: fc.integer({ min: 0, max: 3 }), finish: fc.boolean() }), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(
      steps,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 6 }),
      (moves, ownLimit, sharedLimit) => {
        const table = new SlotTable();
        const executing: Slot[][] = [];
        for (const move of moves) {
          const slots = [
            { key: `own-${move.own}`, limit: ownLimit },
            { key: "shared", limit: sharedLimit },
          ];
          if (move.finish) table.give(executing.shift() ?? []);
          else if (table.blockedBy(slots) === null) {
            table.take(slots);
            executing.push(slots);
          } else expect(executing.length).toBeGreaterThan(0);
          for (const slot of slots) expect(table.used(slot.key)).toBeLessThanOrEqual(slot.limit);
          expect(table.used("shared")).toBe(executing.length);
        }
        for (const slots of executing) table.give(slots);
        expect(table.used("shared")).toBe(0);
      },
    ),
  );
});

test("the first full slot is named", () => {
  const table = new SlotTable();
  table.take([{ key: "b", limit: 1 }]);
  expect(
    table.blockedBy([
      { key: "a", limit: 1 },
      { key: "b", limit: 1 },
    ]),
  ).toEqual({ key: "b", limit: 1 });
  expect(table.blockedBy([{ key: "a", limit: 1 }])).toBeNull();
});
