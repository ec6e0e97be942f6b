/** Does a workspace's audit chain still hold? Reads it once, in order, with no more than a page of it in memory. */
import { sql } from "drizzle-orm";
import { type Db, inWorkspace, type Tx } from "#db/client.ts";
import { type AuditEntry, type ChainHead, chainHead, entriesAfter } from "#db/queries/audit.ts";
import { type AuditDetails, digestOfDetails, hashOfEntry } from "./audit-chain.ts";

/**
 * - `changed`: what the entry says does not fit its hash. - `moved`: it does under another number, `wasSeq`.
 * - `rewritten`: it fits, but what follows was hashed over another one. - `removed`: entries `seq` to `toSeq` are gone.
 * - `inserted`: the chain goes on as if it were not there. - `details_changed`: its details do not fit their digest.
 */
export type AuditProblem =
  | { kind: "changed" | "rewritten" | "inserted" | "details_changed"; seq: number }
  | { kind: "moved"; seq: number; wasSeq: number }
  | { kind: "removed"; seq: number; toSeq: number };

export interface ChainReport {
  /** Of the newest entry; 0 while there is none. Noted elsewhere, it tells later whether all was written anew. */
  seq: number;
  hash: string;
  entries: number;
  /** Entries up to this one were removed because of their age; 0: none. */
  removedUpTo: number;
  /** Entries whose details erasure has removed. */
  detailsErased: number;
  /** The first hundred. */
  problems: AuditProblem[];
  problemCount: number;
}

const PAGE = 2_000;
const SHOWN = 100;
/** How far from its number the true one of an entry that does not fit is looked for. */
const MOVED_WITHIN = 100;

/** Verifies the chain as it is at this moment; what is written meanwhile does not matter. */
export const verifyAudit = (db: Db, workspaceId: string): Promise<ChainReport> =>
  inWorkspace(db, workspaceId, async (tx) => {
    await tx.execute(sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY`);
    const head = await chainHead(tx, workspaceId);
    const check = checkChain(workspaceId, head);
    for await (const entry of entriesOf(tx)) check.take(entry);
    return check.end();
  });

async function* entriesOf(tx: Tx): AsyncGenerator<AuditEntry> {
  let afterSeq = 0;
  for (;;) {
    const page = await entriesAfter(tx, { afterSeq, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    afterSeq = last.seq;
  }
}

type Link = Pick<AuditEntry, "seq" | "hash"> & { previousHash: string | null };

function checkChain(workspaceId: string, head: ChainHead | null) {
  const anchor: Link = { seq: head?.anchorSeq ?? 0, hash: head?.anchorHash ?? "", previousHash: null };
  const report: ChainReport = {
    seq: head?.seq ?? 0,
    hash: head?.hash ?? "",
    entries: 0,
    removedUpTo: anchor.seq,
    detailsErased: 0,
    problems: [],
    problemCount: 0,
  };
  let previous = anchor;
  const tell = (problem: AuditProblem) => {
    report.problemCount += 1;
    if (report.problems.length < SHOWN) report.problems.push(problem);
  };

  return {
    take(entry: AuditEntry) {
      report.entries += 1;
      const gap = entry.seq > previous.seq + 1;
      if (gap) tell({ kind: "removed", seq: previous.seq + 1, toSeq: entry.seq - 1 });
      const wasSeq = trueSeq(workspaceId, entry);
      if (entry.seq > report.seq || entry.seq <= anchor.seq) tell({ kind: "inserted", seq: entry.seq });
      else if (wasSeq === null) tell({ kind: "changed", seq: entry.seq });
      else {
        if (wasSeq !== entry.seq) tell({ kind: "moved", seq: entry.seq, wasSeq });
        const linked = gap || entry.previousHash === previous.hash;
        if (!linked && entry.previousHash === previous.previousHash)
          tell({ kind: "inserted", seq: previous.seq });
        else if (!linked && wasSeq === entry.seq) tell({ kind: "rewritten", seq: previous.seq });
      }
      const details = detailsState(entry);
      if (details === "erased") report.detailsErased += 1;
      if (details === "changed") tell({ kind: "details_changed", seq: entry.seq });
      previous = entry;
    },
    end(): ChainReport {
      if (previous.seq < report.seq) tell({ kind: "removed", seq: previous.seq + 1, toSeq: report.seq });
      if (previous.seq === report.seq && previous.hash !== report.hash)
        tell({ kind: "rewritten", seq: report.seq });
      return report;
    },
  };
}

/** The number under which the entry fits its hash: its own, one nearby, or null. */
function trueSeq(workspaceId: string, entry: AuditEntry): number | null {
  const fits = (seq: number) => hashOfEntry({ ...entry, workspaceId, seq }) === entry.hash;
  if (fits(entry.seq)) return entry.seq;
  for (let distance = 1; distance <= MOVED_WITHIN; distance++)
    for (const seq of [entry.seq - distance, entry.seq + distance]) if (fits(seq)) return seq;
  return null;
}

function detailsState({ detailsDigest, details }: AuditEntry): "whole" | "erased" | "changed" {
  if (details === null) return detailsDigest === null ? "whole" : "erased";
  const digest = digestOfDetails({ ...details, details: details.details as AuditDetails });
  return digest === detailsDigest ? "whole" : "changed";
}
