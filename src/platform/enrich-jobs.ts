/** Jobs over prospects that are there already: asks what is missing or stale, of everybody or of one. */
import { sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import type { Tx } from "#db/client.ts";
import { planChunks } from "#db/queries/chunks.ts";
import type { ProspectFilter } from "#db/queries/prospects.ts";
import { jobRequested } from "#src/events/enrichment.ts";
import { type ChunkWorkDeps, firstFields, planOfJob, type RunnablePlan, startChunks } from "./chunk-work.ts";
import { addToOutbox } from "./outbox.ts";
import { traceChunks } from "./tracing.ts";
import { announceJobEnd } from "./webhooks-out/job-news.ts";

export interface EnrichRequest {
  workspaceId: string;
  /** Whom it is about. Named one by one (`ids`), they are at most a hundred and are started at once. */
  selection: ProspectFilter;
  /** Ids of fields; those they need come with them. Null: all. */
  fields: readonly string[] | null;
  /** Seconds by which it jumps ahead of other work (0 to 600). */
  priority: number;
  /** What its paid calls may cost at most, together and for each prospect. Null: only the workspace's budgets hold. */
  maxCostMicros: number | null;
  maxCostMicrosPerProspect: number | null;
}

/** Writes the job down, and starts it or has it started. Returns its id. */
export async function requestEnrichment(
  tx: Tx,
  deps: ChunkWorkDeps,
  plan: RunnablePlan,
  { workspaceId, selection, fields, priority, maxCostMicros, maxCostMicrosPerProspect }: EnrichRequest,
): Promise<string> {
  const jobId = uuidv7();
  await tx.execute(sql`
    INSERT INTO jobs (id, workspace_id, kind, priority, selection, fields, max_cost_micros, max_cost_micros_per_prospect)
    VALUES (${jobId}, ${workspaceId}, 'enrich', ${priority}, ${JSON.stringify(selection)}::jsonb,
      ${fields ? sql.param([...fields]) : null}::text[], ${maxCostMicros}, ${maxCostMicrosPerProspect})`);
  if (selection.ids) await startEnrichment(tx, deps, plan, { workspaceId, jobId });
  else await addToOutbox(tx, [jobRequested.create({ workspaceId, jobId })]);
  return jobId;
}

/** Cuts the job's prospects into chunks and requests their first fields, once. */
export async function startEnrichment(
  tx: Tx,
  deps: ChunkWorkDeps,
  plan: RunnablePlan,
  job: { workspaceId: string; jobId: string },
): Promise<void> {
  const { rows } = await tx.execute<{ selection: ProspectFilter; fields: string[] | null; priority: number }>(
    sql`SELECT selection, fields, priority FROM jobs WHERE id = ${job.jobId}`,
  );
  const [row] = rows;
  if (!row) return;
  const wanted = planOfJob(plan, row.fields);
  const chunks = await planChunks(tx, job, row.selection, firstFields(wanted));
  if (chunks === null) return;
  if (chunks === 0) await announceJobEnd(tx, job.workspaceId, job.jobId);
  await traceChunks(chunks, () => startChunks(tx, deps, wanted, { ...job, priority: row.priority }));
}
