import { describe, expect, it } from "vitest";
import { lastFiledYear } from "./financial-year.ts";

describe("the last financial year that can be had", () => {
  it.each([
    ["2026-11-22T10:00:00Z", 2025],
    ["2026-08-01T00:00:00Z", 2025],
    ["2026-07-31T23:59:59Z", 2024],
    ["2027-01-01T00:00:00Z", 2025],
  ])("on %s is %i", (now, year) => {
    expect(lastFiledYear(new Date(now))).toBe(year);
  });
});
