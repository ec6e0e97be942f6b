import { eventType } from "inngest";
import { z } from "zod";

/** Command. An uploaded file waits to be imported. `attempt` fences off an earlier run of the same import. */
export const fileUploaded = eventType("import/file.uploaded", {
  schema: z.object({
    workspaceId: z.uuid(),
    importId: z.uuid(),
    jobId: z.uuid(),
    attempt: z.int().positive(),
  }),
  version: "1",
});
