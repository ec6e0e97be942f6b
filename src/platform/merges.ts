/**
 * Duplicates: proposed with a score and its reasons, merged when somebody says so, and undone. A merge moves no value:
 * the merged prospects keep theirs and point to the one that stands for them, whose golden record is derived from all.
 */
import type { Tx } from "#db/client.ts";
import { type Comparable, comparables, comparedProspects } from "#db/queries/duplicates.ts";
import { valueDigests } from "#db/queries/golden-records.ts";
import {
  digestsAtMerge,
  type LockedProspect,
  lockForMerge,
  markUndone,
  mergeBuiltOn,
  mergeInto,
  mergeState,
  type NewMergeRow,
  recordMerge,
  restoreRows,
  takeMergeTurn,
} from "#db/queries/merges.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "#src/domain/errors.ts";
import { type Likeness, likenessOf } from "#src/domain/matching/duplicates.ts";
import { mergeValues } from "./golden-records.ts";

export interface Duplicate extends Likeness {
  one: Comparable;
  other: Comparable;
}

/** So many prospects are gone through for one page. */
const PAGE = 200;

/** One page of pairs that are alike enough, and where to go on; null: it was the last. A page may be empty. */
export async function findDuplicates(
  tx: Tx,
  { afterId, minScore }: { afterId: string | null; minScore: number },
): Promise<{ duplicates: Duplicate[]; nextId: string | null }> {
  const { pairs, lastId } = await comparedProspects(tx, { afterId, limit: PAGE });
  const duplicates = pairs
    .map(({ one, other }) => ({ one, other, ...likenessOf(matchable(one), matchable(other)) }))
    .filter(({ score }) => score >= minScore)
    .toSorted((a, b) => b.score - a.score);
  return { duplicates, nextId: lastId };
}

const list = (value: string | null) => (value === null ? [] : [value]);
const matchable = ({ phone, email, ...rest }: Comparable) => ({
  ...rest,
  phones: list(phone),
  emails: list(email),
});

export interface MergeRequest {
  workspaceId: string;
  keepId: string;
  mergeIds: readonly string[];
  reason: string;
  by: string;
}

/**
 * Merges prospects into one: they leave lists and jobs, and what is known of them goes into its golden record as far as
 * survivorship lets it. Returns the merge's id.
 * @throws NotFoundError, ConflictError, InvalidInputError
 */
export async function mergeProspects(
  tx: Tx,
  { workspaceId, keepId, mergeIds, reason, by }: MergeRequest,
  now: Date,
): Promise<string> {
  if (mergeIds.includes(keepId))
    throw new InvalidInputError("merge_into_itself", "A prospect cannot be merged into itself.", {
      field: "mergeIds",
    });
  const wanted = [keepId, ...new Set(mergeIds)];
  await takeMergeTurn(tx);
  const locked = await lockForMerge(tx, wanted);
  for (const id of wanted)
    checkMergeable(
      id,
      locked.find((each) => each.id === id),
    );
  const rows = await rowsOf(tx, keepId, wanted, locked);
  const mergeId = await recordMerge(tx, { workspaceId, keptId: keepId, reason, mergedBy: by }, rows);
  await mergeInto(tx, keepId, wanted.slice(1));
  await mergeValues(tx, [keepId], now);
  return mergeId;
}

function checkMergeable(id: string, prospect: LockedProspect | undefined): void {
  if (!prospect) throw new NotFoundError("prospect_not_found", `There is no prospect ${id}.`);
  if (prospect.mergedInto)
    throw new ConflictError("already_merged", `Prospect ${id} was merged into ${prospect.mergedInto}.`);
  // What a job is still working on, or has failed on, would change under the merge.
  if (prospect.status !== "enriched")
    throw new ConflictError(
      "not_enriched",
      `Prospect ${id} is ${prospect.status}; only enriched ones can be merged.`,
    );
}

/** How every row stands that the merge will touch: its own, and those that were merged into one of them before. */
async function rowsOf(
  tx: Tx,
  keepId: string,
  wanted: readonly string[],
  locked: readonly LockedProspect[],
): Promise<NewMergeRow[]> {
  const digests = await valueDigests(tx, wanted);
  const compared = await comparables(tx, wanted);
  const kept = compared.find(({ id }) => id === keepId) as Comparable;
  return locked
    .filter(({ mergedInto }) => mergedInto !== keepId)
    .map(({ id, mergedInto }) => {
      const own = compared.find((each) => each.id === id);
      const likeness = own && own !== kept ? likenessOf(matchable(kept), matchable(own)) : null;
      return {
        prospectId: id,
        role: id === keepId ? "kept" : mergedInto ? "moved" : "merged",
        scorePct: likeness?.score ?? null,
        reasons: likeness?.reasons ?? null,
        valuesDigest: digests.get(id) ?? "0",
      };
    });
}

/**
 * Undoes a merge: every row is again what it was, to the byte. Only where values have come since, for whichever of
 * them, golden record and score are derived anew from what each has.
 * @throws NotFoundError; ConflictError when it was undone before, or when a later merge builds on it
 */
export async function undoMerge(tx: Tx, { id, by }: { id: string; by: string }, now: Date): Promise<void> {
  await takeMergeTurn(tx);
  const merge = await mergeState(tx, id);
  if (!merge) throw new NotFoundError("merge_not_found", "There is no such merge.");
  if (merge.undone) throw new ConflictError("already_undone", "This merge was undone before.");
  await lockForMerge(tx, merge.prospectIds);
  const later = await mergeBuiltOn(tx, id);
  if (later)
    throw new ConflictError("later_merge", `Merge ${later} builds on this one. Undo that one first.`);
  await restoreRows(tx, id);
  const before = await digestsAtMerge(tx, id);
  const after = await valueDigests(tx, [...before.keys()]);
  await mergeValues(
    tx,
    [...before.keys()].filter((each) => before.get(each) !== after.get(each)),
    now,
  );
  await markUndone(tx, id, by);
}
