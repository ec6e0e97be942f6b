import pino from "pino";
import { afterEach, expect, test, vi } from "vitest";
import { eventually } from "#tests/support/eventually.ts";
import { ItemKind, type QueueItem } from "../state/rows.ts";
import type { Backlog } from "./backlog.ts";
import { KnownItems } from "./known-items.ts";
import type { PartitionQueue } from "./partition-queue.ts";
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

test("a rescan sees to it that a page which was being read is read again", async () => {
  const pages: ((items: QueueItem[]) => void)[] = [];
  const backlog = {
    due: () => new Promise<QueueItem[]>((resolve) => pages.push(resolve)),
    partitionsAfter: async () => ["f|s|1"],
  } as unknown as Backlog;
  let served: PartitionQueue | undefined;
  const store = new PartitionStore({
    backlog,
    known: new KnownItems(),
    log: pino({ level: "silent" }),
    inFlight: () => 0,
    onReady: () => {
      served ??= store.next();
    },
  });
  store.rescan();
  await eventually(() => pages.length === 1, { everyMs: 5 });
  // What was committed unseen is to be found, though the page was asked for before it was.
  store.rescan();
  pages[0]?.([]);
  await eventually(() => pages.length === 2, { everyMs: 5 });
  pages[1]?.([item("f|s|1")]);
  await eventually(() => served !== undefined, { everyMs: 5 });
  store.stop();
  expect(served?.items).toEqual([item("f|s|1")]);
});

test("a rescan sees to it that the names of partitions which were being read are read again", async () => {
  const names: ((names: string[]) => void)[] = [];
  const backlog = {
    due: async (wanted: string[]) => wanted.map(item),
    partitionsAfter: () => new Promise<string[]>((resolve) => names.push(resolve)),
  } as unknown as Backlog;
  const store = new PartitionStore({
    backlog,
    known: new KnownItems(),
    log: pino({ level: "silent" }),
    inFlight: () => 0,
    onReady: () => {},
  });
  store.rescan();
  store.rescan();
  names[0]?.([]);
  const partition = await eventually(
    () => {
      names[1]?.(["f|s|1"]);
      return store.next() ?? false;
    },
    { everyMs: 5 },
  );
  store.stop();
  expect(partition.name).toBe("f|s|1");
});
