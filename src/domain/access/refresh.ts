/** What becomes of a refresh token that somebody presents. */

/** So long may a token be presented again after its use: a second tab, or an answer that got lost on the way. */
export const REPEAT_WITHIN_MS = 10_000;

export interface PresentedRefreshToken {
  sessionEnded: boolean;
  expiresAt: Date;
  /** Null: not used yet. */
  usedAt: Date | null;
}

/**
 * `rotate`: it is used now, and its successor takes its place. `repeat`: it was used just now; the same successor again.
 * `replayed`: somebody else has it, or had it: its whole family ends. `refuse`: it is of no use, and tells nothing.
 */
export type RefreshDecision = "rotate" | "repeat" | "replayed" | "refuse";

export function decideRefresh(
  { sessionEnded, expiresAt, usedAt }: PresentedRefreshToken,
  now: Date,
): RefreshDecision {
  if (sessionEnded || expiresAt <= now) return "refuse";
  if (usedAt === null) return "rotate";
  return now.getTime() - usedAt.getTime() <= REPEAT_WITHIN_MS ? "repeat" : "replayed";
}
