/**
 * Makes reserved calls: as many at once as the process may, each through breaker and limiter. One transaction settles
 * what has come in and marks what goes out next, so that the ledger is ahead of every request and no answer waits long.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Db, inWorkspace, type Tx } from "#db/client.ts";
import { moveAccounts } from "#db/queries/budgets.ts";
import { type CallOrigin, endCalls, markSending, renewLeases } from "#db/queries/provider-calls.ts";
import type { StoredAnswer } from "#db/queries/snapshots.ts";
import { SupersededError } from "#src/domain/errors.ts";
import { movementsOf } from "../budget.ts";
import { creditKeyOf, endReservations } from "../credits.ts";
import type { Logger } from "../logger.ts";
import type { Answer, Price } from "../provider.ts";
import { type LedgerEnd, ledgerEndOf, type Outcome } from "./outcome.ts";
import type { ReservedCall } from "./reserve.ts";
import type { Slots } from "./slots.ts";

export interface RunParts<Body> {
  db: Db;
  logger: Logger;
  slots: Slots;
  origin: CallOrigin;
  price: Price;
  repeatable: boolean;
  leaseMs: number;
  priority: number;
  /** Stops what was not asked yet. What is on the wire is heard out. */
  signal: AbortSignal | undefined;
  /** One request in its turn; tells when that has come. */
  ask: (
    call: ReservedCall,
    context: { signal: AbortSignal; onTurn: () => void },
  ) => Promise<ReadonlyMap<string, Answer<Body>>>;
  /** Whether after this error no other call should be made. */
  stopsOthers: (error: unknown, asked: boolean) => boolean;
}

/** What one call came to, after the ledger was written. */
export type CallResult =
  | { call: ReservedCall; kind: "settled"; answers: StoredAnswer[] }
  | {
      call: ReservedCall;
      kind: "failed";
      error: unknown;
      status: "failed" | "unknown" | "settled";
    }
  /** It was not, or is no longer, ours: its subjects are to be looked at again. */
  | { call: ReservedCall; kind: "superseded" };

/** Answers that come within this time are written together. */
const GATHER_MS = 100;

/** Runs all of them to their ends. Never throws: what goes wrong is in the results. */
export async function runCalls<Body>(
  parts: RunParts<Body>,
  calls: readonly ReservedCall[],
): Promise<CallResult[]> {
  const results: CallResult[] = [];
  const waiting = [...calls];
  const running = new Set<Promise<void>>();
  const ended: Outcome<Body>[] = [];
  let stop: { error: unknown } | null = null;
  const lease = keepLeases(parts, calls);

  const start = (call: ReservedCall) => {
    const run: Promise<void> = askOne(parts, call, lease.signalOf(call)).then((outcome) => {
      running.delete(run);
      ended.push(outcome);
      if (outcome.kind === "answered") return;
      if (parts.stopsOthers(outcome.error, outcome.kind === "failed")) stop ??= { error: outcome.error };
    });
    running.add(run);
  };

  try {
    while (waiting.length + running.size + ended.length > 0) {
      const settling = ended.splice(0);
      let room = 0;
      if (stop === null && waiting.length > 0) {
        const idle = running.size + settling.length === 0;
        room = idle
          ? await parts.slots.take(waiting.length, parts).catch((error: unknown) => {
              stop = { error };
              return 0;
            })
          : parts.slots.tryTake(waiting.length);
      }
      const starting = waiting.splice(0, room);
      const unasked = stop === null ? [] : waiting.splice(0);
      const { error } = stop ?? { error: null };
      const released: Outcome<Body>[] = unasked.map((call) => ({ call, kind: "unasked", error }));
      const written = await write(parts, [...settling, ...released], starting);
      lease.drop([...settling, ...released].map(({ call }) => call));
      results.push(...written.results);
      parts.slots.free(settling.length + starting.length - written.cleared.length);
      stop ??= written.failure;
      for (const call of written.cleared) start(call);
      if (running.size === 0 || ended.length > 0) continue;
      await Promise.race(running);
      if (running.size > 0) await Promise.race([Promise.all(running), sleep(GATHER_MS)]);
    }
  } finally {
    lease.end();
  }
  return results;
}

/** In one transaction: what has ended is settled, what goes out next is marked. */
async function write<Body>(
  parts: RunParts<Body>,
  outcomes: readonly Outcome<Body>[],
  starting: readonly ReservedCall[],
): Promise<{ results: CallResult[]; cleared: ReservedCall[]; failure: { error: unknown } | null }> {
  const { db, origin, price, repeatable, logger } = parts;
  // What can be repeated needs no mark: a reservation says enough.
  const marking = repeatable ? [] : starting;
  if (outcomes.length + marking.length === 0) return { results: [], cleared: [...starting], failure: null };
  const ends = outcomes.map((outcome) => ledgerEndOf(outcome, { payer: origin, price, repeatable }));
  try {
    const { ended, answers, marked } = await patiently(() =>
      inWorkspace(db, origin.workspaceId, async (tx) => ({
        marked: await markSending(tx, marking),
        // Last, for it locks the accounts that all share.
        ...(await settle(tx, origin.workspaceId, outcomes, ends)),
      })),
    );
    tellOvercharged(parts, ends);
    const byCall = Map.groupBy(answers, ({ callId }) => callId);
    const results = outcomes.map((outcome, index): CallResult => {
      const { call } = outcome;
      const takenOver = outcome.kind === "unasked" && outcome.error instanceof SupersededError;
      if (takenOver || !ended.has(call.id)) return { call, kind: "superseded" };
      if (outcome.kind === "answered") return { call, kind: "settled", answers: byCall.get(call.id) ?? [] };
      const status = ends[index]?.end.status ?? "failed";
      return { call, kind: "failed", error: outcome.error, status };
    });
    const lost = marking.filter(({ id }) => !marked.has(id));
    for (const call of lost) results.push({ call, kind: "superseded" });
    return { results, cleared: starting.filter((call) => !lost.includes(call)), failure: null };
  } catch (error) {
    // Their leases run out, and whoever comes next finds that: paid calls as `unknown`.
    logger.error({ err: error, calls: outcomes.length }, "calls to a provider could not be written down");
    const calls = [...outcomes.map(({ call }) => call), ...starting];
    const results = calls.map((call): CallResult => ({ call, kind: "failed", error, status: "failed" }));
    return { results, cleared: [], failure: { error } };
  }
}

async function settle<Body>(
  tx: Tx,
  workspaceId: string,
  outcomes: readonly Outcome<Body>[],
  ends: readonly LedgerEnd[],
) {
  if (ends.length === 0) return { ended: new Set<string>(), answers: [] };
  const written = await endCalls(
    tx,
    ends.map(({ end }) => end),
  );
  const ours = ends.filter(({ end }) => written.ended.has(end.id));
  await moveAccounts(tx, workspaceId, movementsOf(ours.flatMap(({ changes }) => changes)));
  const credited = new Set(outcomes.flatMap(({ call }) => (call.credited ? [call.id] : [])));
  const known = ours.filter(({ end }) => credited.has(end.id) && end.status !== "unknown");
  await endReservations(
    tx,
    workspaceId,
    known.map(({ end }) => ({ key: creditKeyOf(end), costMicros: end.costMicros })),
  );
  return written;
}

async function askOne<Body>(
  { ask }: RunParts<Body>,
  call: ReservedCall,
  signal: AbortSignal,
): Promise<Outcome<Body>> {
  let askedAt: number | null = null;
  const onTurn = () => {
    askedAt = performance.now();
  };
  const durationMs = () => (askedAt === null ? 0 : performance.now() - askedAt);
  try {
    const answers = await ask(call, { signal, onTurn });
    return { call, kind: "answered", answers, durationMs: durationMs() };
  } catch (error) {
    if (askedAt === null) return { call, kind: "unasked", error };
    return { call, kind: "failed", error, durationMs: durationMs() };
  }
}

interface Leases {
  /** Aborts when the call turns out to be somebody else's, and may be made again. */
  signalOf(call: ReservedCall): AbortSignal;
  drop(calls: readonly ReservedCall[]): void;
  end(): void;
}

/** Renews the leases of all calls that have not ended, until told to end. */
function keepLeases<Body>(parts: RunParts<Body>, calls: readonly ReservedCall[]): Leases {
  const { db, origin, leaseMs, logger } = parts;
  const open = new Map(calls.map((call) => [call.id, { call, lost: new AbortController() }]));
  let renewing = false;
  const renew = async () => {
    const asked = [...open.values()];
    const ours = await inWorkspace(db, origin.workspaceId, (tx) =>
      renewLeases(
        tx,
        asked.map(({ call }) => call),
        leaseMs,
      ),
    );
    for (const { call, lost } of asked) {
      if (!ours.has(call.id) && open.delete(call.id))
        lost.abort(new SupersededError(`call ${call.id} to ${origin.provider}`));
    }
  };
  const timer = setInterval(() => {
    if (renewing || open.size === 0) return;
    renewing = true;
    renew()
      .catch((error: unknown) => logger.warn({ err: error }, "leases of provider calls not renewed"))
      .finally(() => {
        renewing = false;
      });
  }, leaseMs / 3);
  timer.unref();
  const never = new AbortController().signal;
  return {
    signalOf: (call) => open.get(call.id)?.lost.signal ?? never,
    drop(ended) {
      for (const { id } of ended) open.delete(id);
    },
    end: () => clearInterval(timer),
  };
}

function tellOvercharged<Body>({ logger, origin }: RunParts<Body>, ends: readonly LedgerEnd[]): void {
  const { provider, operation } = origin;
  for (const { end } of ends) {
    if (end.overchargedMicros === 0) continue;
    const { id: callId, overchargedMicros } = end;
    logger.error(
      { provider, operation, callId, overchargedMicros },
      "the provider charges more than its price in our books",
    );
  }
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
