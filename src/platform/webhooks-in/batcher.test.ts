import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Batcher, type BatcherOptions, OverloadedError } from "./batcher.ts";

const limits = { gatherMs: 1, maxItems: 100, maxBytes: 1_000, maxHeldItems: 1_000, maxHeldBytes: 10_000 };

/** Answers each item with its length, and writes batches down. */
function recording(changes: Partial<BatcherOptions<string, number>> = {}) {
  const batches: { key: string; items: string[] }[] = [];
  const batcher = new Batcher<string, number>({
    work: async (key, items) => {
      batches.push({ key, items });
      await sleep(5);
      return items.map((item) => item.length);
    },
    sizeOf: (item) => item.length,
    ...limits,
    ...changes,
  });
  return { batcher, batches };
}

const letters = (count: number) => Array.from({ length: count }, (_, n) => "x".repeat(n + 1));

describe("the batcher", () => {
  it("does at once what arrives together, and answers each with its own", async () => {
    const { batcher, batches } = recording();
    const answers = await Promise.all(letters(10).map((item) => batcher.add("a", item)));
    expect(answers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(batches).toHaveLength(1);
  });

  it("keeps keys apart", async () => {
    const { batcher, batches } = recording();
    await Promise.all([batcher.add("a", "1"), batcher.add("b", "2"), batcher.add("a", "3")]);
    expect(batches).toEqual([
      { key: "a", items: ["1", "3"] },
      { key: "b", items: ["2"] },
    ]);
  });

  it("lets what arrives during a batch be the next one, in its order", async () => {
    const { batcher, batches } = recording();
    const first = batcher.add("a", "1");
    while (batches.length === 0) await sleep(1);
    await Promise.all([first, batcher.add("a", "2"), batcher.add("a", "3")]);
    expect(batches.map(({ items }) => items)).toEqual([["1"], ["2", "3"]]);
  });

  it("cuts batches by number and by size; what is larger than a batch goes alone", async () => {
    const byNumber = recording({ maxItems: 2 });
    await Promise.all(["1", "2", "3"].map((item) => byNumber.batcher.add("a", item)));
    expect(byNumber.batches.map(({ items }) => items)).toEqual([["1", "2"], ["3"]]);

    const bySize = recording({ maxBytes: 5 });
    await Promise.all(["12", "345", "6", "1234567"].map((item) => bySize.batcher.add("a", item)));
    expect(bySize.batches.map(({ items }) => items)).toEqual([["12", "345"], ["6"], ["1234567"]]);
  });

  it("tells all of a batch that it has failed, and goes on with the next", async () => {
    let fails = true;
    const { batcher } = recording({
      work: async (_, items) => {
        if (fails) throw new Error("gone");
        return items.map(() => 1);
      },
    });
    const failed = await Promise.allSettled(["1", "2"].map((item) => batcher.add("a", item)));
    expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    fails = false;
    await expect(batcher.add("a", "3")).resolves.toBe(1);
  });

  it("refuses what is too much, until room is made", async () => {
    const byNumber = recording({ maxHeldItems: 2 });
    const held = ["1", "2"].map((item) => byNumber.batcher.add("a", item));
    await expect(byNumber.batcher.add("b", "3")).rejects.toThrow(OverloadedError);
    await Promise.all(held);
    await expect(byNumber.batcher.add("b", "3")).resolves.toBe(1);

    const bySize = recording({ maxHeldBytes: 3 });
    const large = bySize.batcher.add("a", "12");
    await expect(bySize.batcher.add("a", "34")).rejects.toThrow(OverloadedError);
    await large;
    await expect(bySize.batcher.add("a", "34")).resolves.toBe(2);
  });
});
