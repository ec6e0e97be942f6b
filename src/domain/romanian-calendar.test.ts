import { describe, expect, it } from "vitest";
import { dayInRomania, nextMidnightInRomania } from "./romanian-calendar.ts";

describe("days in Romania", () => {
  it.each([
    ["2026-06-30T20:59:59Z", "2026-06-30", "2026-06-30T21:00:00.000Z"],
    ["2026-06-30T21:00:00Z", "2026-07-01", "2026-07-01T21:00:00.000Z"],
    ["2026-12-31T22:30:00Z", "2027-01-01", "2027-01-01T22:00:00.000Z"],
    // The clocks go forward on 29 March and back on 25 October: both midnights that follow are the new time's.
    ["2026-03-28T23:00:00Z", "2026-03-29", "2026-03-29T21:00:00.000Z"],
    ["2026-10-24T22:00:00Z", "2026-10-25", "2026-10-25T22:00:00.000Z"],
  ])("at %s it is %s, until %s", (at, day, midnight) => {
    expect(dayInRomania(new Date(at))).toBe(day);
    expect(nextMidnightInRomania(new Date(at)).toISOString()).toBe(midnight);
  });
});
