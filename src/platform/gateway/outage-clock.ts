/** When to come back after an outage: the longer it lasts, the rarer we knock. */
export interface OutageClock {
  /** 2 s at first, then as long again as it has lasted, a minute at most. */
  retryAfterMs(): number;
  /** The provider has answered. */
  over(): void;
}

const FIRST_MS = 2_000;
const LONGEST_MS = 60_000;

export function createOutageClock(now: () => Date): OutageClock {
  let sinceMs: number | null = null;
  return {
    retryAfterMs() {
      sinceMs ??= now().getTime();
      return Math.min(Math.max(now().getTime() - sinceMs, FIRST_MS), LONGEST_MS);
    },
    over() {
      sinceMs = null;
    },
  };
}
