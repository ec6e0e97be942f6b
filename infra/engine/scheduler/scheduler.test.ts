import { setImmediate } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { eventually } from "#tests/support/eventually.ts";
import { createLog } from "../log.ts";
import type { GateStates } from "../state/gate-states.ts";
import { ItemKind, queueItem } from "../state/rows.ts";
import type { Backlog } from "./backlog.ts";
import { Scheduler } from "./scheduler.ts";

let scheduler: Scheduler | undefined;
afterEach(() => scheduler?.stop());

const NO_BACKLOG = {
  delayed: async () => [],
  due: async () => [],
  partitionsAfter: async () => [],
  matches: async () => [],
};

test("an event that Postgres's end kept from taking effect takes effect first when Postgres is back", async () => {
  const done: string[] = [];
  const postgres = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let isUp = false;
  let tries = 0;
  scheduler = new Scheduler({
    backlog: NO_BACKLOG as unknown as Backlog,
    states: {} as GateStates,
    log: createLog("silent"),
    maxInFlight: 10,
    functionById: () => null,
    isPaused: () => false,
    restUntilMs: () => 0,
    execute: async ({ id }) => {
      done.push(id);
      return [];
    },
    fireTimer: async ({ id }) => {
      tries += 1;
      if (!isUp) throw new Error("Postgres is gone");
      await postgres.promise;
      done.push(id);
      return [];
    },
    reached: () => reached.promise,
  });
  scheduler.rescan();
  await setImmediate();
  scheduler.offer([queueItem({ id: "stop", fnId: "f", kind: ItemKind.match, dueAtMs: Date.now() })]);
  await eventually(() => tries === 1, { everyMs: 5 });
  isUp = true;
  const backAtMs = Date.now();
  reached.resolve();
  scheduler.offer([queueItem({ id: "go on", fnId: "f", kind: ItemKind.goOn, dueAtMs: Date.now() })]);
  for (let turn = 0; turn < 10; turn++) await setImmediate();
  expect(done).toEqual([]);
  postgres.resolve();
  await eventually(() => done.length === 2, { everyMs: 5 });
  expect(done).toEqual(["stop", "go on"]);
  expect(Date.now() - backAtMs).toBeLessThan(800);
});

test("a timer that fails for another reason is tried again later, and holds nothing up meanwhile", async () => {
  const done: string[] = [];
  let tries = 0;
  scheduler = new Scheduler({
    backlog: NO_BACKLOG as unknown as Backlog,
    states: {} as GateStates,
    log: createLog("silent"),
    maxInFlight: 10,
    functionById: () => null,
    isPaused: () => false,
    restUntilMs: () => 0,
    execute: async ({ id }) => {
      done.push(id);
      return [];
    },
    fireTimer: async () => {
      tries += 1;
      if (tries < 4) throw new Error("a fault of its own");
      done.push("late");
      return [];
    },
    reached: async () => {},
  });
  scheduler.rescan();
  await setImmediate();
  scheduler.offer([queueItem({ id: "late", fnId: "f", kind: ItemKind.match, dueAtMs: Date.now() })]);
  await eventually(() => tries === 2);
  scheduler.offer([queueItem({ id: "go on", fnId: "f", kind: ItemKind.goOn, dueAtMs: Date.now() })]);
  await eventually(() => done.length === 2);
  expect(done).toEqual(["go on", "late"]);
});

test("an item that was put anew by the commit that ended it is executed again, whoever is told of that first", async () => {
  const done: number[] = [];
  const commit = Promise.withResolvers<void>();
  const gate = (dueAtMs: number) => queueItem({ id: "gate:k", fnId: "f", kind: ItemKind.gate, dueAtMs });
  scheduler = new Scheduler({
    backlog: NO_BACKLOG as unknown as Backlog,
    states: {} as GateStates,
    log: createLog("silent"),
    maxInFlight: 10,
    functionById: () => null,
    isPaused: () => false,
    restUntilMs: () => 0,
    execute: async () => [],
    fireTimer: async ({ dueAtMs }) => {
      done.push(dueAtMs);
      await commit.promise;
      return [];
    },
    reached: async () => {},
  });
  scheduler.rescan();
  await setImmediate();
  scheduler.offer([gate(1)]);
  await eventually(() => done.length === 1, { everyMs: 5 });
  // Its timer ends a batch; the next event, in the same commit, begins another.
  void commit.promise.then(() => scheduler?.offer([gate(2)]));
  commit.resolve();
  await eventually(() => done.length === 2, { everyMs: 5 });
  expect(done).toEqual([1, 2]);
});
