import { eventType } from "inngest";
import { z } from "zod";

/** Command. It is night: what a workspace may not keep any longer is to be removed. */
export const retentionDue = eventType("privacy/retention.due", {
  schema: z.object({ workspaceId: z.uuid() }),
  version: "1",
});
