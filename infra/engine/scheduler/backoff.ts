/** Seconds before attempt 2, 3, ... as a real server spaces them (its second attempt was seen after 17 s). */
const TABLE_S = [15, 30, 60, 120, 300, 600, 1_200, 2_400, 3_600, 7_200];

/** Up to this part of a delay is added at random, so that runs that failed together do not return together. */
const JITTER = 0.3;
const MAX_JITTER_MS = 30_000;

/**
 * The wait before the next attempt, in milliseconds. `failedAttempt` counts from 0; `random` is in [0, 1);
 * `scale` multiplies the whole (tests use small ones, 1 is the real thing).
 */
export function retryDelayMs(failedAttempt: number, random: number, scale: number): number {
  const index = Math.min(Math.max(0, failedAttempt), TABLE_S.length - 1);
  const base = (TABLE_S[index] ?? 7_200) * 1_000;
  return Math.round((base + random * Math.min(base * JITTER, MAX_JITTER_MS)) * scale);
}

/** The wait before an app that could not be reached is tried again: 0.2 s, doubling, at most 2 s. */
export function reconnectDelayMs(failures: number): number {
  return Math.min(2_000, 200 * 2 ** Math.min(10, Math.max(0, failures - 1)));
}
