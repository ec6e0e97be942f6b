import { integer, pgTable, smallint, text, uuid } from "drizzle-orm/pg-core";
import { id, instant } from "./columns.ts";

/** One try to deliver a message, and what came of it. */
export const endpointAttempts = pgTable("endpoint_attempts", {
  id: id(),
  workspaceId: uuid("workspace_id").notNull(),
  deliveryId: uuid("delivery_id").notNull(),
  httpStatus: smallint("http_status"),
  errorCode: text("error_code"),
  response: text("response"),
  durationMs: integer("duration_ms").notNull(),
  at: instant("at").notNull().defaultNow(),
});
