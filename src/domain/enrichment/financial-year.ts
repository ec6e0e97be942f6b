/** Months count from 0, as in Date. */
const AUGUST = 7;

/**
 * The last financial year of which most statements can be had: they are due at the end of the next May and appear over
 * the summer, so from August on it is last year's, and before that the one before.
 */
export function lastFiledYear(now: Date): number {
  const year = now.getUTCFullYear();
  return now.getUTCMonth() >= AUGUST ? year - 1 : year - 2;
}
