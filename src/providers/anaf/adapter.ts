/** Taxpayers by tax id: each is asked about once a day, and never more than one request in any second goes out. */
import type { Db } from "#db/client.ts";
import type { Limiter } from "#src/platform/limiter.ts";
import type { Logger } from "#src/platform/logger.ts";
import { type Answer, askUntilAnswered, type Request, type Settled } from "#src/platform/snapshots.ts";
import { ProviderError } from "#src/providers/errors.ts";
import { ANAF, type AnafClient } from "./client.ts";
import type { AnafCompany, AnafRecord } from "./schemas.ts";

export interface AnafDeps {
  client: AnafClient;
  /** 1 request in any 1,000 ms, shared by all replicas. */
  limiter: Limiter;
  db: Db;
  logger: Logger;
  now: () => Date;
}

export interface AnafContext {
  workspaceId: string;
  jobId: string;
  field: string;
}

export type AnafResult =
  | { status: "found"; company: AnafCompany; snapshotId: string; observedAt: Date }
  | { status: "notFound"; snapshotId: string; observedAt: Date }
  /** Left out of the answer, as ANAF sometimes does: worth asking again. */
  | { status: "missing" }
  /** Its record could not be read; asking again today brings the same. */
  | { status: "malformed" };

export interface AnafAdapter {
  /**
   * One result for each tax id, at most 100 of them, as they stand today in Romania.
   * @throws ProviderError: rate_limited and unavailable say when to come back
   */
  lookup(context: AnafContext, cuis: readonly number[]): Promise<Map<number, AnafResult>>;
}

/** How long a request may wait for its turn. */
const MAX_WAIT_MS = 60_000;
/** And how long for the answer that somebody else is waiting for. */
const MAX_BUSY_MS = 90_000;
/** After a killed process its tax ids are free again within this time. */
const LEASE_MS = 15_000;
/** After a 429 without Retry-After; the document says a second, and clients report 1.1 s as enough. */
const PAUSE_MS = 1_100;
const MAX_PAUSE_MS = 3_600_000;
const OUTAGE_RETRY_MS = { first: 2_000, longest: 60_000 };

export function createAnafAdapter({ client, limiter, db, logger, now }: AnafDeps): AnafAdapter {
  const outage = createOutageClock(now);

  /** One request, in its turn. */
  async function ask(cuis: number[], asOf: string, signal: AbortSignal) {
    const permit = await limiter.acquire({ maxWaitMs: MAX_WAIT_MS, signal });
    try {
      const answer = await client.taxpayers(cuis, asOf, {
        signal: AbortSignal.any([signal, permit.signal]),
        onSent: permit.sent,
      });
      outage.over();
      return answer;
    } catch (error) {
      throw await slowDown(error);
    } finally {
      permit.sent();
    }
  }

  /** What to throw, and how long everybody has to wait. */
  async function slowDown(error: unknown): Promise<unknown> {
    if (!(error instanceof ProviderError) || !error.retryable) return error;
    const { kind, httpStatus, detail } = error;
    let retryAfterMs = error.retryAfterMs ?? 0;
    if (kind === "rate_limited") {
      const pauseMs = Math.min(Math.max(retryAfterMs, PAUSE_MS), MAX_PAUSE_MS);
      await limiter.backOff(pauseMs);
      // Not all at the same moment.
      retryAfterMs = pauseMs + 100 + Math.random() * 800;
    } else {
      retryAfterMs = Math.max(retryAfterMs, outage.retryAfterMs());
    }
    logger.warn(
      { provider: ANAF, kind, httpStatus, retryAfterMs: Math.round(retryAfterMs) },
      "request failed",
    );
    return new ProviderError(ANAF, kind, {
      httpStatus,
      retryAfterMs: Math.round(retryAfterMs),
      ...(detail ? { detail } : {}),
      cause: error,
    });
  }

  return {
    async lookup({ workspaceId, jobId, field }, cuis) {
      const asOf = dayInRomania(now());
      const request: Request<AnafRecord> = async (subjects, { signal }) => {
        const asked = subjects.map(Number);
        const { found, notFound, unattributed } = await ask(asked, asOf, signal);
        const answers = new Map<string, Answer<AnafRecord>>();
        for (const cui of asked) {
          const body = found.get(cui);
          if (body) answers.set(String(cui), { status: "found", body });
          else if (notFound.has(cui)) answers.set(String(cui), { status: "not_found" });
        }
        const malformed = [...found.values()].flatMap((entry) =>
          "malformed" in entry ? entry.malformed : [],
        );
        if (malformed.length > 0 || unattributed > 0) {
          // Paths, not values.
          logger.warn({ provider: ANAF, malformed, unattributed }, "records that we cannot read");
        }
        return answers;
      };
      const settled = await askUntilAnswered(
        { db, logger },
        {
          workspaceId,
          jobId,
          provider: ANAF,
          operation: "taxpayers",
          field,
          subjects: [...new Set(cuis)].map(String),
          asOf,
          leaseMs: LEASE_MS,
          repeatable: true,
          costMicrosPerSubject: 0,
        },
        request,
        { waitMs: MAX_BUSY_MS },
      );
      const results = new Map<number, AnafResult>();
      for (const [subject, answer] of settled) results.set(Number(subject), toResult(answer));
      return results;
    },
  };
}

function toResult(answer: Settled<AnafRecord>): AnafResult {
  if (answer.status === "missing" || answer.status === "unknown") return { status: "missing" };
  const { snapshotId, observedAt } = answer;
  if (answer.status === "not_found") return { status: "notFound", snapshotId, observedAt };
  if ("malformed" in answer.body) return { status: "malformed" };
  return { status: "found", company: answer.body.company, snapshotId, observedAt };
}

/** The longer it lasts, the rarer we knock: 2 s at first, then as long again as it has lasted, a minute at most. */
function createOutageClock(now: () => Date): { retryAfterMs: () => number; over: () => void } {
  let sinceMs: number | null = null;
  return {
    retryAfterMs() {
      sinceMs ??= now().getTime();
      const { first, longest } = OUTAGE_RETRY_MS;
      return Math.min(Math.max(now().getTime() - sinceMs, first), longest);
    },
    over() {
      sinceMs = null;
    },
  };
}

const romanianDay = new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Bucharest", dateStyle: "short" });

/** ISO 8601 date of Romania's calendar at that instant. */
export const dayInRomania = (instant: Date): string => romanianDay.format(instant);
