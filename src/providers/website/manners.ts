/**
 * How we behave towards other people's sites: at most 2 requests in 10 s to a domain (a token bucket: two at once,
 * then one every 5 s), and a domain where 5 of the last 10 requests failed is left alone for 2 minutes. The figures
 * are those of seed 004. Kept by each process for itself: a domain is asked about once a day, by one process.
 */
import { setTimeout as sleep } from "node:timers/promises";

export interface MannersOptions {
  limit?: number;
  periodMs?: number;
  /** Milliseconds that only go forward; for tests. */
  clock?: () => number;
}

export interface Manners {
  /** Waits for the domain's turn. @throws LeftAlone; the signal's reason */
  turn(domain: string, signal: AbortSignal): Promise<void>;
  /** What became of a request that had its turn. */
  report(domain: string, ok: boolean): void;
}

/** Too many requests to the domain have failed lately. */
export class LeftAlone extends Error {}

const WINDOW = 10;
const FAILURES = 5;
const COOLDOWN_MS = 120_000;
/** The domains last asked; those before them have long had their pause. */
const MAX_DOMAINS = 10_000;

interface Standing {
  /** When the bucket will be full again. */
  fullAt: number;
  outcomes: boolean[];
  leftAloneUntil: number;
}

export function createManners({
  limit = 2,
  periodMs = 10_000,
  clock = () => performance.now(),
}: MannersOptions = {}): Manners {
  const standings = new Map<string, Standing>();
  const standingOf = (domain: string): Standing => {
    const standing = standings.get(domain) ?? { fullAt: 0, outcomes: [], leftAloneUntil: 0 };
    standings.delete(domain);
    standings.set(domain, standing);
    const [oldest] = standings.keys();
    if (standings.size > MAX_DOMAINS && oldest !== undefined) standings.delete(oldest);
    return standing;
  };
  const spacingMs = periodMs / limit;

  return {
    async turn(domain, signal) {
      const standing = standingOf(domain);
      const now = clock();
      if (now < standing.leftAloneUntil) throw new LeftAlone();
      const waitMs = standing.fullAt - (limit - 1) * spacingMs - now;
      standing.fullAt = Math.max(standing.fullAt, now) + spacingMs;
      if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    },
    report(domain, ok) {
      const standing = standingOf(domain);
      standing.outcomes = [...standing.outcomes, ok].slice(-WINDOW);
      if (standing.outcomes.filter((each) => !each).length < FAILURES) return;
      standing.leftAloneUntil = clock() + COOLDOWN_MS;
      standing.outcomes = [];
    },
  };
}
