import pino from "pino";
import { afterEach, expect, test, vi } from "vitest";
import { ItemKind, type QueueItem } from "../state/rows.ts";
import type { Backlog } from "./backlog.ts";
import { KnownItems } from "./known-items.ts";
import { PartitionStore } from "./partition-store.ts";

afterEach(() => vi.useRealTimers());

const item = (name: string): QueueItem => ({
  id: "go",
  runId: `run-${name}`,
  fnId: "f",
  partition: name,
  kind: ItemKind.start,
  stepId: null,
  attempt: 0,
  dueAtMs: 0,
  score: 0,
});

test("partitions that only the database knows get their turn while memory is full of blocked ones", async () => {
  vi.useFakeTimers();
  const names = Array.from({ length: 95 }, (_, n) => `f|s|${String(n).padStart(3, "0")}`);
  const backlog = {
    due: async (wanted: string[]) => wanted.map(item),
    partitionsAfter: async (name: string, limit: number) => names.filter((n) => n > name).slice(0, limit),
  } as unknown as Backlog;
  const known = new KnownItems();
  const store = new PartitionStore({
    backlog,
    known,
    log: pino({ level: "silent" }),
    inFlight: () => 0,
    onReady: () => {},
    maxPartitions: 10,
  });
  const served = new Set<string>();
  store.rescan();
  for (let second = 0; second < 60 && served.size < names.length; second++) {
    await vi.advanceTimersByTimeAsync(1_000);
    for (let partition = store.next(); partition; partition = store.next()) {
      served.add(partition.name);
      partition.stopWaiting = () => {};
    }
    expect(known.size).toBeLessThanOrEqual(10);
  }
  store.stop();
  expect(served.size).toBe(names.length);
});
