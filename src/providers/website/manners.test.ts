import { describe, expect, it } from "vitest";
import { createManners, LeftAlone } from "./manners.ts";

const SIGNAL = AbortSignal.timeout(60_000);

describe("the pace towards a domain", () => {
  it("is two at once, then one each half period; other domains do not wait", async () => {
    const manners = createManners({ limit: 2, periodMs: 400 });
    const startedAt = performance.now();
    const turn = async (domain: string) => {
      await manners.turn(domain, SIGNAL);
      return performance.now() - startedAt;
    };
    const [first, second, third, fourth, other] = await Promise.all([
      turn("a.ro"),
      turn("a.ro"),
      turn("a.ro"),
      turn("a.ro"),
      turn("b.ro"),
    ]);
    for (const soon of [first, second, other]) expect(soon).toBeLessThan(third);
    expect(third).toBeGreaterThan(190);
    expect(fourth).toBeGreaterThan(390);
  });
});

describe("a domain that keeps failing", () => {
  it("is left alone for two minutes after five failures in ten requests", async () => {
    let now = 0;
    const manners = createManners({ limit: 1_000, clock: () => now });
    const report = (...outcomes: boolean[]) => {
      for (const ok of outcomes) manners.report("a.ro", ok);
    };
    report(false, false, true, true, true, true, true, true, true, true, false, false);
    // Of the last ten two have failed.
    await expect(manners.turn("a.ro", SIGNAL)).resolves.toBeUndefined();
    report(false, false, false);
    await expect(manners.turn("a.ro", SIGNAL)).rejects.toThrow(LeftAlone);
    await expect(manners.turn("b.ro", SIGNAL)).resolves.toBeUndefined();
    now += 119_999;
    await expect(manners.turn("a.ro", SIGNAL)).rejects.toThrow(LeftAlone);
    now += 1;
    await expect(manners.turn("a.ro", SIGNAL)).resolves.toBeUndefined();
  });
});
