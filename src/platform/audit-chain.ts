/** The hashes of the audit trail: what exactly each covers. Pure, so that entries and their verification agree. */
import { createHash } from "node:crypto";
import type { AuditRow } from "#db/queries/audit.ts";

/** Before the first entry of a chain. */
export const GENESIS = "0".repeat(64);

/** Ids, counts and names of things. Never personal data. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/** What an entry's hash covers. */
export type ChainedEntry = Omit<AuditRow, "hash"> & { workspaceId: string };

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** SHA-256 in hex over the values as one JSON list, in this order: no two entries read the same. */
export const hashOfEntry = (entry: ChainedEntry): string =>
  sha256(
    JSON.stringify([
      entry.workspaceId,
      entry.seq,
      entry.at,
      entry.actorKind,
      entry.actorId,
      entry.action,
      entry.subjectKind,
      entry.subjectId,
      entry.legalBasis,
      entry.correlationId,
      entry.detailsDigest,
      entry.previousHash,
    ]),
  );

export interface StoredDetails {
  /** Random: without it nobody can try which removed details a digest was of. */
  nonce: string;
  ip: string | null;
  details: AuditDetails;
}

/** SHA-256 in hex; the order of the details' keys does not matter. */
export const digestOfDetails = ({ nonce, ip, details }: StoredDetails): string =>
  sha256(JSON.stringify([nonce, ip, Object.entries(details).toSorted(([a], [b]) => (a < b ? -1 : 1))]));
