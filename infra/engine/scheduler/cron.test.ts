import { expect, test } from "vitest";
import { cronProblem, nextTick } from "./cron.ts";

test("a cron with a zone follows its daylight saving", () => {
  const cron = "TZ=Europe/Bucharest 0 9 * * 1-5";
  expect(new Date(nextTick(cron, Date.parse("2026-03-27T10:00:00Z")) ?? 0).toISOString()).toBe(
    "2026-03-30T06:00:00.000Z",
  );
  expect(new Date(nextTick(cron, Date.parse("2026-01-05T00:00:00Z")) ?? 0).toISOString()).toBe(
    "2026-01-05T07:00:00.000Z",
  );
});

test("without a zone a cron is UTC, and the next tick is strictly later", () => {
  const at = Date.parse("2026-05-01T12:00:00Z");
  expect(nextTick("0 12 * * *", at)).toBe(at + 86_400_000);
});

test("what is no cron is named as a problem", () => {
  expect(cronProblem("every day")).toMatch(/./);
  expect(cronProblem("TZ=Mars/Olympus 0 9 * * *")).toMatch(/./);
  expect(cronProblem("*/5 * * * *")).toBeNull();
});
