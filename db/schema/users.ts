import { bigint, pgTable, text } from "drizzle-orm/pg-core";
import { createdAt, id, instant } from "./columns.ts";

/** A person who may sign in, in whatever workspaces they are a member of. */
export const users = pgTable("users", {
  id: id(),
  /** Lower case. */
  email: text("email").notNull(),
  name: text("name").notNull(),
  passwordHash: text("password_hash").notNull(),
  /** Sealed by the vault. */
  totpSecret: text("totp_secret"),
  totpConfirmedAt: instant("totp_confirmed_at"),
  totpLastStep: bigint("totp_last_step", { mode: "number" }),
  recoveryCodes: text("recovery_codes").array().notNull(),
  createdAt: createdAt(),
  lastSignInAt: instant("last_sign_in_at"),
});
