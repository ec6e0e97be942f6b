import { eventType } from "inngest";
import { z } from "zod";

export const FieldRequested = z.object({
  workspaceId: z.uuid(),
  jobId: z.uuid(),
  chunkId: z.uuid(),
  /** Id of a field or stage of the plan. */
  field: z.string().min(1),
  /** The fence: see chunk_fields.attempt. */
  attempt: z.int().positive(),
  /** Seconds by which it jumps ahead in the engine's queue, for what somebody waits for. */
  priority: z.int().min(0).max(600).optional(),
});

export type FieldRequest = z.infer<typeof FieldRequested>;

/** Command. A field (or stage) may work on a chunk now. */
export const fieldRequested = eventType("enrichment/field.requested", {
  schema: FieldRequested,
  version: "1",
});

/** Command. A job over known prospects waits to be cut into chunks. */
export const jobRequested = eventType("enrichment/job.requested", {
  schema: z.object({ workspaceId: z.uuid(), jobId: z.uuid() }),
  version: "1",
});

/** Fact. A value in review was approved or rejected, by a person or by default. */
export const approvalDecided = eventType("enrichment/approval.decided", {
  schema: z.object({ workspaceId: z.uuid(), approvalId: z.uuid() }),
  version: "1",
});
