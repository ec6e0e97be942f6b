import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { JobStatus } from "#db/schema/jobs.ts";
import type { FieldCounts } from "./job-fields.ts";

/** How a job stands: what the API answers. Counts are of prospects unless they say otherwise. */
export interface JobProgress {
  id: string;
  kind: "import" | "enrich";
  status: JobStatus;
  error: { code: string; message: string } | null;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
  /** The fields it asks for, with those they need; null: all. */
  wanted: string[] | null;
  /** Null for a job over prospects that are there already. */
  import: {
    id: string;
    fileName: string;
    status: "pending" | "loading" | "done" | "failed";
    rows: number;
    imported: number;
    duplicates: number;
    rejected: number;
    rejectedBy: Record<string, number>;
  } | null;
  chunks: { total: number; done: number };
  prospects: { total: number; enriched: number; failed: number };
  tiers: { gold: number; silver: number; bronze: number; unqualified: number };
  fields: Record<string, FieldCounts>;
  /** Requests sent, per provider. `retries` are those sent again after one that brought no answer. */
  providers: Record<string, ProviderStats>;
}

export interface ProviderStats {
  calls: number;
  retries: number;
  rateLimited: number;
  costMicros: number;
  /** ISO 8601; null before the first. */
  firstSentAt: string | null;
  lastAnsweredAt: string | null;
}

/** Reads a job's progress, or null when there is no such job. */
export async function jobProgress(tx: Tx, jobId: string): Promise<JobProgress | null> {
  const { rows } = await tx.execute<Record<string, unknown>>(sql`
    SELECT to_jsonb(j) AS job, to_jsonb(i) AS import,
      (SELECT to_jsonb(t) FROM (
         SELECT coalesce(sum(enriched), 0) AS enriched, coalesce(sum(failed), 0) AS failed,
                coalesce(sum(gold), 0) AS gold, coalesce(sum(silver), 0) AS silver,
                coalesce(sum(bronze), 0) AS bronze, coalesce(sum(unqualified), 0) AS unqualified
         FROM chunks WHERE job_id = j.id) t) AS totals,
      (SELECT coalesce(jsonb_object_agg(field, jsonb_build_object(
                'found', found, 'notFound', not_found, 'inReview', in_review, 'failed', failed, 'skipped', skipped, 'ineligible', ineligible,
                'costMicros', cost_micros)), '{}')
       FROM job_fields WHERE job_id = j.id) AS fields,
      (SELECT coalesce(jsonb_object_agg(provider, jsonb_build_object(
                'calls', calls, 'retries', retries, 'rateLimited', rate_limited, 'costMicros', cost,
                'firstSentAt', first_sent_at, 'lastAnsweredAt', last_answered_at)), '{}')
       FROM (SELECT provider, sum(requests) AS calls, sum(greatest(requests - 1, 0)) AS retries,
                    sum(rate_limited) AS rate_limited, sum(cost_micros) AS cost,
                    min(ended_at - duration_ms * interval '1 millisecond') AS first_sent_at, max(ended_at) AS last_answered_at
             FROM provider_calls WHERE job_id = j.id GROUP BY provider) p) AS providers
    FROM jobs j LEFT JOIN imports i ON i.job_id = j.id WHERE j.id = ${jobId}`);
  const [row] = rows;
  if (!row) return null;
  // biome-ignore lint/suspicious/noExplicitAny: rows of our own tables as JSON, shaped into JobProgress below
  const { job, import: file, totals, fields, providers } = row as any;
  const instant = (text: string | null) => (text === null ? null : new Date(text).toISOString());
  return {
    id: job.id,
    kind: job.kind,
    status: job.status,
    error: job.error_code ? { code: job.error_code, message: job.error_message } : null,
    createdAt: new Date(job.created_at).toISOString(),
    startedAt: instant(job.started_at),
    endedAt: instant(job.ended_at),
    wanted: job.fields,
    import: file && {
      id: file.id,
      fileName: file.file_name,
      status: file.status,
      rows: file.rows,
      imported: file.imported,
      duplicates: file.duplicates,
      rejected: file.rejected,
      rejectedBy: file.rejected_by,
    },
    chunks: { total: job.chunks_total, done: job.chunks_done },
    prospects: { total: job.prospects_total, enriched: totals.enriched, failed: totals.failed },
    tiers: {
      gold: totals.gold,
      silver: totals.silver,
      bronze: totals.bronze,
      unqualified: totals.unqualified,
    },
    fields,
    providers,
  };
}

export interface ListedJob {
  id: string;
  kind: JobProgress["kind"];
  status: JobStatus;
  errorCode: string | null;
  prospects: number;
  chunks: { total: number; done: number };
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
}

/** The newest first. */
export async function listJobs(
  tx: Tx,
  {
    status,
    kind,
    beforeId,
    limit,
  }: { status: JobStatus | null; kind: JobProgress["kind"] | null; beforeId: string | null; limit: number },
): Promise<ListedJob[]> {
  const { rows } = await tx.execute<ListedJob & Record<string, unknown>>(sql`
    SELECT id, kind, status, error_code AS "errorCode", prospects_total AS prospects,
           jsonb_build_object('total', chunks_total, 'done', chunks_done) AS chunks,
           created_at AS "createdAt", started_at AS "startedAt", ended_at AS "endedAt"
    FROM jobs
    WHERE (${status}::text IS NULL OR status = ${status}) AND (${kind}::text IS NULL OR kind = ${kind})
      AND (${beforeId}::uuid IS NULL OR id < ${beforeId}::uuid)
    ORDER BY id DESC LIMIT ${limit}`);
  const iso = (instant: string | null) => instant && new Date(instant).toISOString();
  return rows.map((row) => ({
    ...row,
    createdAt: new Date(row.createdAt).toISOString(),
    startedAt: iso(row.startedAt),
    endedAt: iso(row.endedAt),
  }));
}
