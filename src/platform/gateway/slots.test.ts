import { describe, expect, it } from "vitest";
import { createSlots } from "./slots.ts";

describe("slots", () => {
  it("give as many as are free, and the rest when others are done", async () => {
    const slots = createSlots(3);
    expect(await slots.take(2, { priority: 0 })).toBe(2);
    expect(await slots.take(5, { priority: 0 })).toBe(1);
    const waiting = slots.take(5, { priority: 0 });
    slots.free(2);
    expect(await waiting).toBe(2);
  });

  it("serve lower priorities first, and those of one in the order in which they came", async () => {
    const slots = createSlots(1);
    await slots.take(1, { priority: 0 });
    const served: string[] = [];
    const wait = async (name: string, priority: number) => {
      await slots.take(1, { priority });
      served.push(name);
      slots.free(1);
    };
    const all = [wait("bulk 1", 0), wait("bulk 2", 0), wait("on demand", -1)];
    expect(slots.tryTake(1)).toBe(0);
    slots.free(1);
    await Promise.all(all);
    expect(served).toEqual(["on demand", "bulk 1", "bulk 2"]);
    expect(slots.tryTake(2)).toBe(1);
  });

  it("lose nothing to a waiter who gives up", async () => {
    const slots = createSlots(1);
    await slots.take(1, { priority: 0 });
    const stop = new AbortController();
    const waiting = slots.take(1, { priority: 0, signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    slots.free(1);
    expect(slots.tryTake(1)).toBe(1);
  });
});
