/** What endpoints are told of jobs. Call each in the transaction of the change. */
import type { Tx } from "#db/client.ts";
import { type EndedChunk, jobSummary } from "#db/queries/chunks.ts";
import { announce } from "./announce.ts";

/** A chunk is done, and perhaps its job with it. Null: it was done before. */
export async function announceChunkEnd(
  tx: Tx,
  { workspaceId, jobId, chunkId }: { workspaceId: string; jobId: string; chunkId: string },
  ended: EndedChunk | null,
): Promise<void> {
  if (!ended) return;
  const { prospectIds, jobDone } = ended;
  await announce(tx, workspaceId, "prospects.enriched", { jobId, chunkId, prospectIds });
  if (jobDone) await announceJobEnd(tx, workspaceId, jobId);
}

/** A job has ended, however it did. */
export async function announceJobEnd(tx: Tx, workspaceId: string, jobId: string): Promise<void> {
  const job = await jobSummary(tx, jobId);
  if (job) await announce(tx, workspaceId, "job.finished", { jobId, ...job });
}
