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

export interface LimitUse {
  limit: string;
  allowedPerSecond: number;
  /** Sent, by our ledger. */
  requests: number;
  /** Refused for being too fast, by the simulator's ledger. */
  refused: number;
}

export interface FieldPace {
  field: string;
  /** How long chunks were waiting for it, in stretches that are long enough to speak of a pace. */
  waitingSeconds: number;
  /** What was sent in that time, as a share of what is allowed, by limit: a field is as fast as its slowest source. */
  shares: Record<string, number>;
  /** The greatest of them; null: it asks no provider, or nothing ever waited for it. */
  share: number | null;
}

export interface Limited {
  prospects: number;
  /** By the last required value, from the first request for one. */
  requiredPerSecond: number;
  requiredSeconds: number;
  windowSeconds: number;
  limits: LimitUse[];
  fields: FieldPace[];
}

const SAMPLE_MS = 1_000;
/** Work that waited for less than this in one go says little about a pace. */
const SUSTAINED_SECONDS = 15;
/** What was requested a moment ago does not wait: it is on its way to the function. */
const UNDER_WAY_MS = 2_000;
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
    const samples = startSampling(running);
    await requiredDone(running, onProgress);
    const required = await requiredSpan(db, jobId);
    onProgress(`required fields done; watching the slower ones for ${windowMs / 1_000} s`);
    const endsAt = performance.now() + windowMs;
    while (performance.now() < endsAt && (await statusOf(db, jobId)) === "enriching") await sleep(SAMPLE_MS);
    const waits = await samples.stop();
    await sleep(LAST_ANSWERS_MS);

    const prospects = await totalOf(db, jobId);
    const sent = await sentRequests(db, limits);
    const ledgers = await readLedgers(stack.part("simulator").url);
    return {
      prospects,
      requiredPerSecond: Math.round((prospects / required) * 10) / 10,
      requiredSeconds: required,
      windowSeconds: windowMs / 1_000,
      limits: limits.map((limit) => useOf(limit, sent, ledgers)).filter(({ requests }) => requests > 0),
      fields: [...waits].map(([field, moments]) => paceOf(field, moments, limits, sent)),
    };
  });
}

export const sayLimited = (line: string) => say(`  ours, limited: ${line}`);

interface StatedLimit {
  name: string;
  allowedPerSecond: number;
  /** Provider and name of each operation that shares it. */
  operations: { provider: string; operation: string }[];
}

/** The limits that the providers in use state. */
function statedLimits(env: Record<string, string>): StatedLimit[] {
  const config = loadConfig(env);
  const limits = new Map<string, StatedLimit>();
  for (const { slug, connect } of Object.values(catalog)) {
    const operations: Operations | null = connect(config as never);
    for (const { name, limit } of Object.values(operations ?? {})) {
      const perSecond = limit.windows.map((window) => (window.limit * 1_000) / window.periodMs);
      const stated = { name: limit.name, allowedPerSecond: Math.min(...perSecond), operations: [] };
      const known: StatedLimit = limits.get(limit.name) ?? stated;
      known.operations.push({ provider: slug, operation: name });
      limits.set(limit.name, known);
    }
  }
  return [...limits.values()];
}

/** At which moments (milliseconds since the epoch) chunks were waiting, by field. */
type Waits = ReadonlyMap<string, number[]>;

function startSampling({ db, jobId }: RunningJob) {
  const waits = new Map<string, number[]>();
  let stopped = false;
  const done = (async () => {
    for (; !stopped; await sleep(SAMPLE_MS)) {
      const at = Date.now();
      const { rows } = await db.query<{ field: string }>(
        `SELECT DISTINCT field FROM chunk_fields
         WHERE job_id = $1 AND (status = 'ready' OR status = 'requested' AND requested_at < now() - $2 * interval '1 ms')`,
        [jobId, UNDER_WAY_MS],
      );
      for (const { field } of rows) waits.set(field, [...(waits.get(field) ?? []), at]);
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

interface Sent {
  limit: string;
  field: string;
  /** Milliseconds since the epoch. */
  at: number;
  requests: number;
}

async function sentRequests(db: pg.Client, limits: readonly StatedLimit[]): Promise<Sent[]> {
  const limitOf = new Map<string, string>(
    limits.flatMap(({ name, operations }) =>
      operations.map(({ provider, operation }) => [`${provider} ${operation}`, name] as const),
    ),
  );
  const { rows } = await db.query<Omit<Sent, "limit"> & { what: string }>(
    `SELECT provider || ' ' || operation AS what, field, requests,
            extract(epoch FROM ended_at)::float * 1000 - coalesce(duration_ms, 0) AS at
     FROM provider_calls WHERE requests > 0 AND ended_at IS NOT NULL`,
  );
  return rows.flatMap(({ what, ...sent }) => {
    const limit = limitOf.get(what);
    return limit === undefined ? [] : [{ ...sent, limit }];
  });
}

const total = (sent: readonly Sent[]) => sent.reduce((sum, { requests }) => sum + requests, 0);

function useOf(
  { name, allowedPerSecond, operations }: StatedLimit,
  sent: readonly Sent[],
  ledgers: Awaited<ReturnType<typeof readLedgers>>,
): LimitUse {
  const slugs = new Set(operations.map(({ provider }) => provider));
  return {
    limit: name,
    allowedPerSecond,
    requests: total(sent.filter(({ limit }) => limit === name)),
    refused: [...slugs].reduce((sum, slug) => sum + (ledgers[slug]?.rateLimited ?? 0), 0),
  };
}

/** Limits are shared: what others sent in the meantime was not free for this field. */
function paceOf(
  field: string,
  moments: readonly number[],
  limits: readonly StatedLimit[],
  sent: readonly Sent[],
): FieldPace {
  const stretches = stretchesOf(moments);
  const waitingSeconds = stretches.reduce((sum, { from, to }) => sum + (to - from) / 1_000, 0);
  const meanwhile = sent.filter(({ at }) => stretches.some(({ from, to }) => at >= from && at < to));
  const asked = new Set(sent.filter((each) => each.field === field).map(({ limit }) => limit));
  const shares = Object.fromEntries(
    limits
      .filter(({ name }) => waitingSeconds > 0 && asked.has(name))
      .map(({ name, allowedPerSecond }) => {
        const perSecond = total(meanwhile.filter(({ limit }) => limit === name)) / waitingSeconds;
        return [name, perSecond / allowedPerSecond];
      }),
  );
  const all = Object.values(shares);
  return { field, waitingSeconds, shares, share: all.length === 0 ? null : Math.max(...all) };
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
