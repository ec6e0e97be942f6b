/**
 * The audit trail: who did what to what, from where, on which legal basis. An entry is written in the transaction of the
 * change, so that neither is there without the other; entries of a workspace form a hash chain.
 * Why: docs/decisions/0018-audit-and-privacy.md.
 */
import { randomBytes } from "node:crypto";
import type { Tx } from "#db/client.ts";
import { addToChain, takeNextInChain } from "#db/queries/audit.ts";
import type { LegalBasis } from "#src/domain/privacy/purposes.ts";
import { type AuditDetails, digestOfDetails, hashOfEntry } from "./audit-chain.ts";

export interface AuditActor {
  kind: "user" | "api_key" | "service" | "system" | "anonymous";
  /** The user's or key's id, or the name of the part of us that acted. */
  id: string;
}

export interface AuditEvent {
  actor: AuditActor;
  /** What was done, `noun.verb` in the past tense: `merge.undone`. */
  action: string;
  /** To what. Without an id: to many, which the details count. */
  subject: { kind: string; id?: string };
  /** Of a purpose in the legal-basis register. */
  legalBasis?: LegalBasis;
  /** Ids and counts. Never personal data. */
  details?: AuditDetails;
  /** The request's or the job's id. */
  correlationId?: string;
  ip?: string | null;
}

/**
 * Adds an entry to the chain of the transaction's workspace. Call it last: from here to the commit, whoever else adds
 * one in this workspace waits.
 */
export async function recordAudit(tx: Tx, event: AuditEvent): Promise<void> {
  const { ip = null, details = {} } = event;
  const stored =
    ip === null && Object.keys(details).length === 0
      ? null
      : { nonce: randomBytes(16).toString("hex"), ip, details };
  const entry = {
    actorKind: event.actor.kind,
    actorId: event.actor.id,
    action: event.action,
    subjectKind: event.subject.kind,
    subjectId: event.subject.id ?? null,
    legalBasis: event.legalBasis ?? null,
    correlationId: event.correlationId ?? null,
    detailsDigest: stored && digestOfDetails(stored),
  };
  const next = await takeNextInChain(tx);
  await addToChain(tx, { ...next, ...entry, hash: hashOfEntry({ ...next, ...entry }) }, stored);
}
