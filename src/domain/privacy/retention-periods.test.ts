import { expect, it } from "vitest";
import { cutoffOf, type RetentionRule } from "./retention-periods.ts";

it.each<[RetentionRule, string, string]>([
  ["sole_traders", "2026-11-22T01:00:00Z", "2024-11-22T01:00:00Z"],
  ["companies", "2028-02-29T01:00:00Z", "2026-02-28T01:00:00Z"],
  ["audit_entries", "2028-03-31T01:00:00Z", "2025-03-31T01:00:00Z"],
  ["rejected_rows", "2026-03-01T01:00:00Z", "2025-12-01T01:00:00Z"],
  ["idempotency_keys", "2026-03-31T01:00:00Z", "2026-03-31T01:00:00Z"],
])("%s on %s go back to %s", (rule, now, cutoff) => {
  expect(cutoffOf(rule, new Date(now))).toEqual(new Date(cutoff));
});
