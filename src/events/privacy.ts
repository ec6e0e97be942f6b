import { eventType } from "inngest";
import { z } from "zod";

/** Command. A person's data is to be removed. Who it is stands, sealed, in the erasure. */
export const erasureRequested = eventType("privacy/erasure.requested", {
  schema: z.object({ workspaceId: z.uuid(), erasureId: z.uuid() }),
  version: "1",
});

/** Command. It is night: what a workspace may not keep any longer is to be removed. */
export const retentionDue = eventType("privacy/retention.due", {
  schema: z.object({ workspaceId: z.uuid() }),
  version: "1",
});
