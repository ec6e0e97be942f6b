import { afterEach, expect, it } from "vitest";
import { eventually } from "#tests/support/eventually.ts";
import { createLog } from "../log.ts";
import { ItemKind, type QueueItem } from "../state/rows.ts";
import type { Backlog } from "./backlog.ts";
import { KnownItems } from "./known-items.ts";
import { TimerQueue } from "./timer-queue.ts";

let timers: TimerQueue | undefined;
afterEach(() => timers?.stop());

const retry = (dueAtMs: number): QueueItem => ({
  id: "go",
  runId: "run",
  fnId: "fn",
  partition: "p",
  kind: ItemKind.goOn,
  stepId: null,
  attempt: 1,
  dueAtMs,
  score: dueAtMs,
});

/** Timers over a database whose pages the test hands out, in the order in which they are asked for. */
function startTimers(known = new KnownItems()) {
  const pages: ((items: QueueItem[]) => void)[] = [];
  const backlog = { delayed: () => new Promise<QueueItem[]>((resolve) => pages.push(resolve)) };
  const due: QueueItem[] = [];
  timers = new TimerQueue(backlog as unknown as Backlog, known, createLog("silent"), (items) =>
    due.push(...items),
  );
  return { timers, pages, due };
}

it("keeps an item that is committed while a page is being read that does not show it", async () => {
  const { timers, pages, due } = startTimers();
  timers.reset();
  const item = retry(Date.now() + 50);
  timers.offer(item);
  pages[0]?.([]);
  await eventually(() => due.length === 1);
  expect(due).toEqual([item]);
  expect(pages).toHaveLength(1);
});

it("lets what comes while a page is being read wait for what the page shows", async () => {
  const { timers, pages, due } = startTimers();
  timers.reset();
  const newer = { ...retry(Date.now()), runId: "newer" };
  const older = { ...retry(newer.dueAtMs - 1_000), runId: "older" };
  timers.offer(newer);
  pages[0]?.([older]);
  await eventually(() => due.length === 2);
  expect(due).toEqual([older, newer]);
});

it("reads anew what a page leaves out that was asked for before a reset", async () => {
  const { timers, pages, due } = startTimers();
  timers.reset();
  timers.reset();
  pages[0]?.([]);
  await eventually(() => pages.length === 2);
  // A commit of which nobody here was told, as after a lost connection.
  const unseen = retry(Date.now());
  pages[1]?.([unseen]);
  await eventually(() => due.length === 1);
  expect(due).toEqual([unseen]);
});

it("keeps an item that becomes due again while a page is being read", async () => {
  const known = new KnownItems();
  const inHand = retry(0);
  const again = retry(Date.now() + 50);
  const { timers, pages, due } = startTimers(known);

  // As after a lost connection: an attempt is in hand, and the database is read anew.
  known.hold(inHand);
  timers.reset();
  await eventually(() => pages.length === 1);
  // Its retry is committed while the page is on its way, and the page shows it.
  known.drop(inHand);
  timers.offer(again);
  pages[0]?.([again]);

  await eventually(() => due.length === 1);
  expect(due).toEqual([again]);
});
