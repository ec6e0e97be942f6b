/**
 * Cancels a job: what has not begun never does, what runs writes nothing any more, what was paid for is settled and kept
 * as an answer. In two transactions, as a job may just now be planned, or end: the first keeps it from going on, the
 * second ends what there is. If the second is missed, the sweeper does it.
 */
import { type Db, inSystem, inWorkspace, type Tx } from "#db/client.ts";
import { beginCancelling, cancellingJobs, endCancelled } from "#db/queries/cancel-jobs.ts";
import type { JobStatus } from "#db/schema/jobs.ts";
import { ConflictError, NotFoundError } from "#src/domain/errors.ts";
import { inLockOrder, type RunnablePlan } from "../chunk-work.ts";
import type { Logger } from "../logger.ts";
import { removeFiles } from "../registry-import/upload-files.ts";
import { announceJobEnd } from "../webhooks-out/job-news.ts";

/**
 * @param record writes the deed down, in the transaction that begins it
 * @returns the job's status: cancelled, also when it was so before; or cancelling, when the sweeper has to end it
 * @throws NotFoundError; ConflictError when it has ended already
 */
export async function cancelJob(
  { db, logger }: { db: Db; logger: Logger },
  plan: RunnablePlan,
  { workspaceId, jobId }: { workspaceId: string; jobId: string },
  record: (tx: Tx) => Promise<void>,
): Promise<JobStatus> {
  const { status, files } = await inWorkspace(db, workspaceId, async (tx) => {
    const begun = await beginCancelling(tx, jobId);
    if (!begun) throw new NotFoundError("job_not_found", "There is no such job.");
    if (begun.status === "done" || begun.status === "failed")
      throw new ConflictError("job_ended", `The job has ended already: it is ${begun.status}.`);
    await record(tx);
    return begun;
  });
  // What holds personal numbers is not kept for a load that will never be.
  await removeFiles(files);
  if (status !== "cancelling") return status;
  try {
    await end(db, plan, workspaceId, jobId);
    return "cancelled";
  } catch (error) {
    // Such as a deadlock with a run that has just failed.
    logger.warn({ err: error, jobId }, "a job could not be cancelled at once, the sweeper ends it");
    return "cancelling";
  }
}

/** Ends what somebody began to cancel. Returns how many jobs. Call it every few seconds. */
export async function sweepCancelledJobs({ db }: { db: Db }, plan: RunnablePlan): Promise<number> {
  const jobs = await inSystem(db, (tx) => cancellingJobs(tx, 20));
  for (const { workspaceId, id } of jobs) await end(db, plan, workspaceId, id);
  return jobs.length;
}

const end = (db: Db, plan: RunnablePlan, workspaceId: string, jobId: string): Promise<void> =>
  inWorkspace(db, workspaceId, async (tx) => {
    const fields = inLockOrder(plan, [...plan.fields.map(({ id }) => id), ...plan.stages]);
    if (await endCancelled(tx, jobId, fields)) await announceJobEnd(tx, workspaceId, jobId);
  });
