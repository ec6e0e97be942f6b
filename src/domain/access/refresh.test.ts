import { expect, it } from "vitest";
import { decideRefresh, REPEAT_WITHIN_MS } from "./refresh.ts";

const now = new Date("2026-11-22T12:00:00Z");
const ago = (ms: number) => new Date(now.getTime() - ms);
const token = { sessionEnded: false, expiresAt: new Date("2026-11-29T12:00:00Z"), usedAt: null };

it.each([
  ["a fresh one", {}, "rotate"],
  ["one that was used just now", { usedAt: ago(REPEAT_WITHIN_MS) }, "repeat"],
  ["one that another replica's clock says is used later", { usedAt: ago(-500) }, "repeat"],
  ["one that was used before", { usedAt: ago(REPEAT_WITHIN_MS + 1) }, "replayed"],
  ["one whose session has ended", { sessionEnded: true }, "refuse"],
  ["a used one whose session has ended", { sessionEnded: true, usedAt: ago(60_000) }, "refuse"],
  ["one that has expired", { expiresAt: now }, "refuse"],
] as const)("%s", (_, more, decision) => {
  expect(decideRefresh({ ...token, ...more }, now)).toBe(decision);
});
