import { z } from "zod";

/** How the simulated service behaves. Every "every" counts requests that were not too fast; 0: never. */
export const anafBehaviour = z.strictObject({
  /** Time that an answer about a hundred takes; measured at the real one on 2026-09-14. Fewer take less. */
  latencyMs: z.number().int().min(0).default(2_000),
  /** The latency of each answer varies by as much, up and down. */
  jitterMs: z.number().int().min(0).default(150),
  /** Two arrivals closer together than this: the second gets 429. 0: no limit. */
  intervalMs: z.number().int().min(0).default(1_000),
  /** Seconds in the Retry-After header of a 429; 0: no header, as at the real one. */
  retryAfterSeconds: z.number().int().min(0).default(0),
  /** Each n-th request gets the maintenance page: HTML with status 200. */
  outageEvery: z.number().int().min(0).default(100),
  /** Each n-th request gets its connection reset. */
  resetEvery: z.number().int().min(0).default(0),
  /** Each n-th request gets HTTP 500. */
  errorEvery: z.number().int().min(0).default(0),
  /** Share of tax ids that the answer leaves out when they are asked for the first time; 1 in 5,000. */
  missingPct: z.number().min(0).max(100).default(0.02),
  /** Share of tax ids that ANAF does not know. */
  notFoundPct: z.number().min(0).max(100).default(3),
  /** Share of records with a value of the wrong type. */
  malformedPct: z.number().min(0).max(100).default(0),
});

export type AnafBehaviour = z.infer<typeof anafBehaviour>;
