import type { Db, Tx } from "#db/client.ts";
import type { AuditEvent } from "../audit.ts";
import type { Vault } from "../vault.ts";

/** What access leans on. */
export interface AccessNeeds {
  db: Db;
  vault: Vault;
  now: () => Date;
}

/** Adds an entry to the audit trail of the transaction's workspace. The actor is who asks, unless another is named. */
export type WriteAudit = (
  tx: Tx,
  entry: Pick<AuditEvent, "action" | "subject" | "details"> & Partial<Pick<AuditEvent, "actor">>,
) => Promise<void>;
