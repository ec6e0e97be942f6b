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

it("keeps an item that becomes due again while a page is being read", async () => {
  const known = new KnownItems();
  const inHand = retry(0);
  const again = retry(Date.now() + 50);
  const pages: ((items: QueueItem[]) => void)[] = [];
  const backlog = { delayed: () => new Promise<QueueItem[]>((resolve) => pages.push(resolve)) };
  const due: QueueItem[] = [];
  timers = new TimerQueue(backlog as unknown as Backlog, known, createLog("silent"), (items) =>
    due.push(...items),
  );

  // As after a lost connection: an attempt is in hand, and the database is read anew.
  known.hold(inHand);
  timers.reset();
  await eventually(() => pages.length === 1);
  // Its retry is committed while the page is on its way, and the page shows it.
  known.drop(inHand);
  timers.offer(again);
  pages[0]?.([again]);

  await eventually(() => {
    pages[1]?.([again]);
    return due.length === 1;
  });
  expect(due).toEqual([again]);
});
