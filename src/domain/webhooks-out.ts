/** Webhooks that we send: what they may be about, how they are signed over, and when they are tried again. Pure. */

/** What an endpoint can want to know, and what its data holds: ids and counts, never a person. */
export const webhookTypes = {
  "job.finished": "A job has ended: its id, kind, status and counts",
  "prospects.enriched": "A chunk of a job is done: the ids of up to 100 prospects, which can be read by then",
  "prospects.failed": "A field failed for good for prospects of a chunk: the field and how many",
  "approval.requested": "Values wait for a person: their ids",
  "approval.decided": "A value was approved or rejected: its id and how",
  "endpoint.disabled": "Another endpoint is sent nothing any more: its id and why",
  ping: "A test",
} as const;

export type WebhookType = keyof typeof webhookTypes;

/** Seconds to wait after each failed attempt; after the last the message has failed. Together a little under a day. */
const DELAYS_S = [5, 10, 20, 60, 300, 1_800, 7_200, 18_000, 28_800, 28_800];
/** Up to here a receiver may count on the figures; from here on many of them must not come at once. */
const EXACT_S = 20;
const JITTER = 0.2;
const LONGEST_S = 28_800;

/**
 * How long to wait after so many failed attempts.
 * @param random from 0 to 1: spreads the longer waits by a fifth
 * @param retryAfterMs what the receiver asked for: it is waited for at least, eight hours at most
 * @returns milliseconds; null: that was the last one
 */
export function nextAttemptMs(attempts: number, random: number, retryAfterMs = 0): number | null {
  const seconds = DELAYS_S[attempts - 1];
  if (seconds === undefined) return null;
  const spread = seconds > EXACT_S ? 1 + JITTER * (random - 0.5) : 1;
  return Math.max(Math.round(seconds * spread * 1_000), Math.min(retryAfterMs, LONGEST_S * 1_000));
}

/** How long an endpoint may fail at everything before nothing is sent to it any more. */
export const FAILING_MS = 24 * 3_600_000;

/** What Standard Webhooks signs. */
export const signedContent = (id: string, timestampS: number, body: string): string =>
  `${id}.${timestampS}.${body}`;
