/**
 * Ask once: nobody is asked twice about the same subject and day, across fields, replicas and crashes. Before a
 * request, its call is written down and its subjects are claimed; after it, the answers are stored, fenced by the
 * call's attempt. The exception: a request whose asker died before the answer was stored. That is repeated where
 * repeating is harmless, and else left as `unknown`, for a person to look at.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Db, inWorkspace, type Tx } from "#db/client.ts";
import {
  type CallKey,
  endDeadCall,
  failCall,
  findCall,
  lockProvider,
  renewLease,
  reserveCall,
  settleCall,
} from "#db/queries/provider-calls.ts";
import {
  claimSubjects,
  findAnswersOfCall,
  findSnapshots,
  releaseClaims,
  type StoredAnswer,
  storeAnswers,
} from "#db/queries/snapshots.ts";
import { AppError, SupersededError } from "#src/domain/errors.ts";
import { ProviderError, type ProviderErrorKind } from "#src/providers/errors.ts";
import type { Logger } from "./logger.ts";

export interface AskDeps {
  db: Db;
  logger: Logger;
}

export interface Ask {
  workspaceId: string;
  jobId: string;
  provider: string;
  /** What is asked of the provider, such as "taxpayers". */
  operation: string;
  /** Which field wants to know. */
  field: string;
  /** Ids of the subjects in the provider's terms. Stored: no personal numbers. */
  subjects: readonly string[];
  /** The day that the answers are about, ISO 8601. */
  asOf: string;
  /** An asker that is silent for this long is taken for dead. It is renewed while the request is under way. */
  leaseMs: number;
  /** Whether a request with unknown outcome may be made again: free, and without effect. */
  repeatable: boolean;
  costMicrosPerSubject: number;
}

export type Answer<T> = { status: "found"; body: T } | { status: "not_found" };

/**
 * Makes the request, after waiting for its turn. A subject that is missing in the answer counts as not answered.
 * `signal` aborts when somebody else has taken the call over.
 */
export type Request<T> = (
  subjects: string[],
  context: { signal: AbortSignal },
) => Promise<ReadonlyMap<string, Answer<T>>>;

export type Settled<T> =
  | { status: "found"; body: T; snapshotId: string; observedAt: Date }
  | { status: "not_found"; snapshotId: string; observedAt: Date }
  /** Asked, but the answer does not speak of it. It may be asked again. */
  | { status: "missing" }
  /** Asked once, outcome unknown, and asking again could cost or do something twice. */
  | { status: "unknown" };

/** `busy`: somebody else is asking right now. */
export type Asked<T> = Settled<T> | { status: "busy" };

/**
 * Answers from snapshots where there are any, and asks for the rest in one request.
 * @throws what the request throws, after its subjects were released (or, where a repeat could do harm and the outcome
 * is not known, left as `unknown`)
 */
export async function askOnce<T>(
  deps: AskDeps,
  ask: Ask,
  request: Request<T>,
): Promise<Map<string, Asked<T>>> {
  const { known, call, claimed } = await inWorkspace(deps.db, ask.workspaceId, (tx) => reserve<T>(tx, ask));
  if (!call) return known;

  const startedAt = performance.now();
  const durationMs = () => Math.round(performance.now() - startedAt);
  const lease = keepLease(deps, ask, call);
  try {
    let answers: ReadonlyMap<string, Answer<T>>;
    try {
      answers = await request(claimed, { signal: lease.signal });
    } catch (error) {
      await recordFailure(deps, ask, call, error, durationMs());
      if (lease.signal.aborted) return look<T>(deps, ask);
      throw error;
    }
    const stored = await patiently(() =>
      inWorkspace(deps.db, ask.workspaceId, (tx) => settle(tx, ask, call, claimed, answers, durationMs())),
    );
    if (stored === null) return look<T>(deps, ask);
    for (const subject of claimed) known.set(subject, { status: "missing" });
    for (const answer of stored) known.set(answer.subject, toSettled<T>(answer));
    return known;
  } finally {
    lease.end();
  }
}

/**
 * Like {@link askOnce}, but waits for those that somebody else is asking about, and asks itself where that failed.
 * @throws ProviderError unavailable, with `retryAfterMs`, when `waitMs` was not enough
 */
export async function askUntilAnswered<T>(
  deps: AskDeps,
  ask: Ask,
  request: Request<T>,
  { waitMs, pollMs = 250 }: { waitMs: number; pollMs?: number },
): Promise<Map<string, Settled<T>>> {
  const endsAt = performance.now() + waitMs;
  const settled = new Map<string, Settled<T>>();
  let open = ask.subjects;
  for (let pauseMs = pollMs; ; pauseMs = Math.min(pauseMs * 1.5, 1_000)) {
    const busy: string[] = [];
    for (const [subject, answer] of await askOnce(deps, { ...ask, subjects: open }, request)) {
      if (answer.status === "busy") busy.push(subject);
      else settled.set(subject, answer);
    }
    if (busy.length === 0) return settled;
    if (performance.now() + pauseMs > endsAt) {
      const detail = "another request about the same subjects is under way";
      throw new ProviderError(ask.provider, "unavailable", { detail, retryAfterMs: 2_000 });
    }
    open = busy;
    await sleep(pauseMs);
  }
}

interface Reserved<T> {
  known: Map<string, Asked<T>>;
  /** The call to make, about the claimed subjects; null: nothing to ask. */
  call: CallKey | null;
  claimed: string[];
}

/** Decides, under one lock per workspace and provider, what is known, who is busy and what this caller asks. */
async function reserve<T>(tx: Tx, ask: Ask): Promise<Reserved<T>> {
  await lockProvider(tx, ask.workspaceId, ask.provider);
  const known = new Map<string, Asked<T>>();
  const open = new Set(ask.subjects.toSorted());
  const know = (subject: string, answer: Asked<T>) => {
    known.set(subject, answer);
    open.delete(subject);
  };

  await endDeadClaims(tx, ask);
  for (const row of await findSnapshots(tx, ask)) {
    if (row.status !== "claimed") know(row.subject, toSettled<T>(row));
    else know(row.subject, { status: row.callStatus === "unknown" ? "unknown" : "busy" });
  }

  while (open.size > 0) {
    const claimed = [...open];
    const idempotencyKey = keyOf(ask, claimed);
    const former = await findCall(tx, ask.workspaceId, idempotencyKey);
    if (former?.status === "reserved" && !former.live) await endDeadCall(tx, former.id, ask.repeatable);
    const dead = former?.status === "reserved" && !former.live;
    if (former?.status === "unknown" || (dead && !ask.repeatable)) {
      for (const subject of claimed) know(subject, { status: "unknown" });
      break;
    }
    if (former?.live) {
      for (const subject of claimed) know(subject, { status: "busy" });
      break;
    }
    // This job has the answers already, from another day: it is not asked, and does not pay, again.
    const answers = former?.status === "settled" ? await findAnswersOfCall(tx, former.id, claimed) : [];
    for (const answer of answers) know(answer.subject, toSettled<T>(answer));
    if (answers.length > 0) continue;

    const subjects = claimed.length;
    const costMicros = subjects * ask.costMicrosPerSubject;
    const call = await reserveCall(tx, { ...ask, idempotencyKey, subjects, costMicros });
    if ((await claimSubjects(tx, call.id, { ...ask, subjects: claimed })) !== subjects) {
      throw new Error(`Subjects of ${ask.provider} were claimed past the lock`);
    }
    return { known, call, claimed };
  }
  return { known, call: null, claimed: [] };
}

/** Ends the calls of dead askers that still hold some of the subjects, and frees those, where they may be asked again. */
async function endDeadClaims(tx: Tx, ask: Ask): Promise<void> {
  const dead = new Set<string>();
  for (const row of await findSnapshots(tx, ask)) {
    if (row.status === "claimed" && row.callStatus === "reserved" && !row.callLive) dead.add(row.callId);
  }
  for (const callId of [...dead].sort()) {
    if ((await endDeadCall(tx, callId, ask.repeatable)) && ask.repeatable) await releaseClaims(tx, callId);
  }
}

/** Stores the answers. Null: somebody else has taken the call over, and nothing was written. */
async function settle<T>(
  tx: Tx,
  ask: Ask,
  call: CallKey,
  claimed: readonly string[],
  answers: ReadonlyMap<string, Answer<T>>,
  durationMs: number,
): Promise<StoredAnswer[] | null> {
  const answered = claimed.filter((subject) => answers.has(subject));
  const costMicros = answered.length * ask.costMicrosPerSubject;
  if (!(await settleCall(tx, call, { costMicros, durationMs }))) return null;
  const toStore = answered.map((subject) => {
    const answer = answers.get(subject);
    return { subject, body: answer?.status === "found" ? JSON.stringify(answer.body) : null };
  });
  const stored = await storeAnswers(tx, call.id, toStore);
  await releaseClaims(tx, call.id);
  return stored;
}

async function recordFailure(
  deps: AskDeps,
  ask: Ask,
  call: CallKey,
  error: unknown,
  durationMs: number,
): Promise<void> {
  const known = error instanceof ProviderError ? error : null;
  const kind = known?.kind ?? (error instanceof AppError ? error.code : "internal");
  const httpStatus = known?.httpStatus ?? null;
  const status = ask.repeatable || (known !== null && REFUSALS.has(known.kind)) ? "failed" : "unknown";
  // Without a status it was our own limiter that said so, and no request was made.
  const failure = { status, kind, httpStatus, durationMs, rateLimited: httpStatus === 429 } as const;
  const record = () =>
    inWorkspace(deps.db, ask.workspaceId, async (tx) => {
      if ((await failCall(tx, call, failure)) && status === "failed") await releaseClaims(tx, call.id);
    });
  // If this fails too the lease runs out, and the next asker finds that.
  await patiently(record).catch((cause: unknown) =>
    deps.logger.warn({ err: cause, callId: call.id }, "failed call not recorded"),
  );
}

/** After these nothing was done, and nothing has to be paid. */
const REFUSALS: ReadonlySet<ProviderErrorKind> = new Set([
  "rate_limited",
  "spent",
  "unauthorized",
  "not_found",
  "rejected",
]);

/** How things stand, without claiming anything: for one whose call was taken over. */
async function look<T>(deps: AskDeps, ask: Ask): Promise<Map<string, Asked<T>>> {
  const rows = await inWorkspace(deps.db, ask.workspaceId, (tx) => findSnapshots(tx, ask));
  const known = new Map<string, Asked<T>>(ask.subjects.map((subject) => [subject, { status: "busy" }]));
  for (const row of rows) {
    if (row.status !== "claimed") known.set(row.subject, toSettled<T>(row));
    else if (row.callStatus === "unknown") known.set(row.subject, { status: "unknown" });
  }
  return known;
}

/** Renews the lease until told to end. The signal aborts when the call turns out to be somebody else's. */
function keepLease(deps: AskDeps, ask: Ask, call: CallKey): { signal: AbortSignal; end: () => void } {
  const lost = new AbortController();
  let renewing = false;
  const timer = setInterval(() => {
    if (renewing) return;
    renewing = true;
    inWorkspace(deps.db, ask.workspaceId, (tx) => renewLease(tx, call, ask.leaseMs))
      .then((ours) => {
        if (!ours) lost.abort(new SupersededError(`call ${call.id} to ${ask.provider}`));
      })
      .catch((error: unknown) => deps.logger.warn({ err: error, callId: call.id }, "lease not renewed"))
      .finally(() => {
        renewing = false;
      });
  }, ask.leaseMs / 3);
  timer.unref();
  return { signal: lost.signal, end: () => clearInterval(timer) };
}

/** Three tries: an answer that was paid for should not be lost to a database that restarts. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let pauseMs = 100; ; pauseMs *= 5) {
    try {
      return await work();
    } catch (error) {
      if (pauseMs > 500) throw error;
      await sleep(pauseMs);
    }
  }
}

/** `{job}:{record}:{field}:{provider}`; the record of several subjects is the digest of their sorted list. */
function keyOf(ask: Ask, sorted: readonly string[]): string {
  const record =
    sorted.length === 1 ? sorted[0] : createHash("sha256").update(sorted.join("\n")).digest("hex");
  return `${ask.jobId}:${record}:${ask.field}:${ask.provider}`;
}

function toSettled<T>(answer: StoredAnswer): Settled<T> {
  const { snapshotId, observedAt } = answer;
  if (answer.status === "not_found") return { status: "not_found", snapshotId, observedAt };
  return { status: "found", body: answer.body as T, snapshotId, observedAt };
}
