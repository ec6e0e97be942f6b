/** Our pipeline with the providers' limits: does each queue drain at its own provider's pace? */
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { enrichmentPlan } from "#functions/registry.ts";
import type { SampleRegistry } from "#infra/demo/sample-registry.ts";
import { loadConfig } from "#src/config.ts";
import type { Operations } from "#src/platform/provider.ts";
import { catalog } from "#src/providers/catalog.ts";
import { type RunningJob, statusOf, totalOf, withJob } from "./ours.ts";
import { say } from "./progress.ts";
import { readLedgers } from "./simulators.ts";

export interface LimitShare {
  limit: string;
  allowedPerSecond: number;
  /** Sent, by our ledger. */
  requests: number;
  /** Refused for being too fast, by the simulator's ledger. */
  refused: number;
  /** How long work was waiting for it. */
  busySeconds: number;
  /** In that time. */
  achievedPerSecond: number;
  /** Of what is allowed; null: work hardly ever waited for it, so that nothing can be said. */
  share: number | null;
}

export interface Limited {
  prospects: number;
  /** By the last required value, from the first request for one. */
  requiredPerSecond: number;
  requiredSeconds: number;
  windowSeconds: number;
  limits: LimitShare[];
}

const SAMPLE_MS = 1_000;
/** Work that waited for less than this in one go says little about a pace. */
const SUSTAINED_SECONDS = 15;
/** Requests on their way when the sampling ends are given so long to be answered and written down. */
const LAST_ANSWERS_MS = 5_000;

export function runLimited(
  sample: SampleRegistry,
  windowMs: number,
  onProgress: (line: string) => void,
): Promise<Limited> {
  return withJob({ sample, limits: "on" }, async (running) => {
    const { stack, db, jobId } = running;
    const limits = statedLimits(stack.env);
    const samples = startSampling(running, limits);
    await requiredDone(running, onProgress);
    const required = await requiredSpan(db, jobId);
    onProgress(`required fields done; watching the slower ones for ${windowMs / 1_000} s`);
    const endsAt = performance.now() + windowMs;
    while (performance.now() < endsAt && (await statusOf(db, jobId)) === "enriching") await sleep(SAMPLE_MS);
    const waits = await samples.stop();
    await sleep(LAST_ANSWERS_MS);

    const prospects = await totalOf(db, jobId);
    const ledgers = await readLedgers(stack.part("simulator").url);
    const shares = limits.map(async (limit) => shareOf(db, limit, waits, ledgers));
    return {
      prospects,
      requiredPerSecond: Math.round((prospects / required) * 10) / 10,
      requiredSeconds: required,
      windowSeconds: windowMs / 1_000,
      limits: (await Promise.all(shares)).filter(({ requests }) => requests > 0),
    };
  });
}

export const sayLimited = (line: string) => say(`  ours, limited: ${line}`);

interface StatedLimit {
  name: string;
  allowedPerSecond: number;
  inFlight: number;
  /** Provider and name of each operation that shares it. */
  operations: { provider: string; operation: string; repeatable: boolean }[];
}

/** The limits that the providers in use state. */
function statedLimits(env: Record<string, string>): StatedLimit[] {
  const config = loadConfig(env);
  const limits = new Map<string, StatedLimit>();
  for (const { slug, connect } of Object.values(catalog)) {
    const operations: Operations | null = connect(config as never);
    for (const { name, limit, repeatable } of Object.values(operations ?? {})) {
      const perSecond = limit.windows.map((window) => (window.limit * 1_000) / window.periodMs);
      const allowedPerSecond = Math.min(...perSecond);
      const stated = { name: limit.name, allowedPerSecond, inFlight: 0, operations: [] };
      const known: StatedLimit = limits.get(limit.name) ?? stated;
      known.inFlight += limit.inFlight;
      known.operations.push({ provider: slug, operation: name, repeatable });
      limits.set(limit.name, known);
    }
  }
  return [...limits.values()];
}

/** At which moments (milliseconds since the epoch) work was waiting for a limit. */
type Waits = ReadonlyMap<string, number[]>;

/**
 * Work waits for a limit when calls are reserved that are not on the wire, or when chunks are waiting for the field
 * that asks most of it.
 */
function startSampling({ db, jobId }: RunningJob, limits: readonly StatedLimit[]) {
  const waits = new Map<string, number[]>(limits.map(({ name }) => [name, []]));
  let stopped = false;
  const sample = async () => {
    const at = Date.now();
    const open = await openCalls(db, jobId);
    const chunks = await waitingChunks(db, jobId);
    for (const limit of limits) {
      const own = open.filter(({ provider, operation }) =>
        limit.operations.some((each) => each.provider === provider && each.operation === operation),
      );
      const unsent = own.reduce((sum, { reserved }) => sum + reserved, 0);
      // What is repeatable stays reserved until it is answered.
      const mayBeSent = limit.operations.some(({ repeatable }) => repeatable) ? limit.inFlight : 0;
      const field = own.toSorted((a, b) => b.calls - a.calls)[0]?.field;
      const waiting = field === undefined ? 0 : (chunks.get(field) ?? 0);
      if (unsent > mayBeSent || waiting > 0) waits.get(limit.name)?.push(at);
    }
  };
  const done = (async () => {
    while (!stopped) {
      await sample();
      await sleep(SAMPLE_MS);
    }
  })();
  done.catch(() => {});
  return {
    stop: async (): Promise<Waits> => {
      stopped = true;
      await done;
      return waits;
    },
  };
}

async function openCalls(db: pg.Client, jobId: string) {
  const { rows } = await db.query<{
    provider: string;
    operation: string;
    field: string;
    calls: number;
    reserved: number;
  }>(
    `SELECT provider, operation, field, count(*)::int AS calls,
            (count(*) FILTER (WHERE status = 'reserved'))::int AS reserved
     FROM provider_calls WHERE job_id = $1 GROUP BY 1, 2, 3`,
    [jobId],
  );
  return rows;
}

async function waitingChunks(db: pg.Client, jobId: string): Promise<Map<string, number>> {
  const { rows } = await db.query<{ field: string; n: number }>(
    `SELECT field, count(*)::int AS n FROM chunk_fields
     WHERE job_id = $1 AND status IN ('ready', 'requested') GROUP BY 1`,
    [jobId],
  );
  return new Map(rows.map(({ field, n }) => [field, n]));
}

const requiredFields = enrichmentPlan.fields.filter(({ required }) => required).map(({ id }) => id);

async function requiredDone({ db, jobId }: RunningJob, onProgress: (line: string) => void): Promise<void> {
  let saidAt = 0;
  let last = { done: -1, at: Date.now() };
  for (;;) {
    const { rows } = await db.query<{ done: number; all: number }>(
      `SELECT (count(*) FILTER (WHERE f.status IN ('done', 'failed')))::int AS done,
              (SELECT chunks_total FROM jobs WHERE id = $1) * cardinality($2::text[]) AS all
       FROM chunk_fields f WHERE job_id = $1 AND field = ANY($2)`,
      [jobId, requiredFields],
    );
    const { done, all } = rows[0] as { done: number; all: number };
    if (all > 0 && done === all) return;
    if (done !== last.done) last = { done, at: Date.now() };
    if (Date.now() - last.at > 180_000) throw new Error("No required field has ended for three minutes.");
    if (Date.now() - saidAt > 10_000) {
      saidAt = Date.now();
      onProgress(`${done} of ${all} required fields of chunks are done`);
    }
    await statusOf(db, jobId);
    await sleep(500);
  }
}

/** Seconds from the first request for a required field to the last required value. */
async function requiredSpan(db: pg.Client, jobId: string): Promise<number> {
  const { rows } = await db.query<{ seconds: number }>(
    `SELECT extract(epoch FROM (SELECT max(created_at) FROM field_values WHERE job_id = $1 AND field = ANY($2))
              - (SELECT min(created_at) FROM provider_calls WHERE job_id = $1 AND field = ANY($2)))::float AS seconds`,
    [jobId, requiredFields],
  );
  return rows[0]?.seconds ?? Number.NaN;
}

async function shareOf(
  db: pg.Client,
  { name, allowedPerSecond, operations }: StatedLimit,
  waits: Waits,
  ledgers: Awaited<ReturnType<typeof readLedgers>>,
): Promise<LimitShare> {
  const { rows } = await db.query<{ sentAt: number; requests: number }>(
    `SELECT extract(epoch FROM ended_at)::float * 1000 - coalesce(duration_ms, 0) AS "sentAt", requests
     FROM provider_calls WHERE (provider, operation) IN (SELECT * FROM unnest($1::text[], $2::text[]))
       AND requests > 0 AND ended_at IS NOT NULL`,
    [operations.map(({ provider }) => provider), operations.map(({ operation }) => operation)],
  );
  const stretches = stretchesOf(waits.get(name) ?? []);
  const busySeconds = stretches.reduce((sum, { from, to }) => sum + (to - from) / 1_000, 0);
  const inStretch = rows.filter(({ sentAt }) =>
    stretches.some(({ from, to }) => sentAt >= from && sentAt < to),
  );
  const sent = inStretch.reduce((sum, { requests }) => sum + requests, 0);
  const achievedPerSecond = busySeconds > 0 ? sent / busySeconds : 0;
  const slugs = new Set(operations.map(({ provider }) => provider));
  return {
    limit: name,
    allowedPerSecond,
    requests: rows.reduce((sum, { requests }) => sum + requests, 0),
    refused: [...slugs].reduce((sum, slug) => sum + (ledgers[slug]?.rateLimited ?? 0), 0),
    busySeconds,
    achievedPerSecond,
    share: busySeconds > 0 ? achievedPerSecond / allowedPerSecond : null,
  };
}

/** Stretches of time in which every sample found work waiting, long enough to speak of a pace. */
function stretchesOf(moments: readonly number[]): { from: number; to: number }[] {
  const stretches: { from: number; to: number }[] = [];
  for (const at of moments) {
    const last = stretches.at(-1);
    if (last && at - last.to < SAMPLE_MS * 3) last.to = at;
    else stretches.push({ from: at, to: at });
  }
  return stretches.filter(({ from, to }) => to - from >= SUSTAINED_SECONDS * 1_000);
}
