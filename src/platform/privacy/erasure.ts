/**
 * Erasure (Art. 17 GDPR): a person's data goes from every place, in steps that can be repeated. Who it is stands sealed in
 * the erasure while it is under way and nowhere after it: no event, no step and no log names them. What stays is a hash on
 * the suppression list, which keeps imports and providers from bringing them back, and the certificate.
 * Why: docs/decisions/0019-erasure.md.
 */
import { v7 as uuidv7 } from "uuid";
import type { Tx } from "#db/client.ts";
import { addRemoved, endErasure, findErasure, insertErasure, sealedSubject } from "#db/queries/erasures.ts";
import { markObjected } from "#db/queries/objections.ts";
import {
  changeableColumns,
  countWith,
  deleteReferenceRows,
  deleteWith,
  dropStoredAnswers,
  freeSnapshots,
  prospectsWith,
  referenceRowsOf,
  type SearchedTable,
  scrubWith,
} from "#db/queries/personal-data.ts";
import { forgetMerges, removePersons } from "#db/queries/retention.ts";
import { blockKey, nameKey } from "#src/domain/matching/company-name.ts";
import type { Contact } from "#src/domain/privacy/contact-key.ts";
import { contactKey } from "#src/domain/privacy/contact-key.ts";
import { erasureRequested } from "#src/events/privacy.ts";
import { recordAudit } from "../audit.ts";
import { mergeValues, scoreRecords } from "../golden-records.ts";
import { addToOutbox } from "../outbox.ts";
import { type KnownPerson, knownPerson, namedContacts, type PersonRef, searchOf } from "./person.ts";
import { type SuppressionDeps, suppress } from "./suppression.ts";

export interface ErasureDeps extends SuppressionDeps {
  now: () => Date;
}

/** Rows that are about the person as a whole; elsewhere only what names them goes. */
const DELETED = ["field_values", "approvals", "inbound_events", "snapshots", "reference_rows"];
/** Removed by hand, because their columns cannot be changed. */
const UNCHANGEABLE = ["audit_details"];
/** Sealed, or what people of ours wrote about something else than a person: nothing that a search could find. */
const NOT_SEARCHED = ["erasures", "suppressions", "suppression_peppers", "provider_credentials"];

const context = (workspaceId: string, id: string) => ({ workspaceId, field: `erasures.subject:${id}` });

/**
 * Writes an erasure down, suppresses the person at once, and has the rest done by a run. Returns its id.
 * @throws InvalidInputError, NotFoundError
 */
export async function requestErasure(
  tx: Tx,
  deps: ErasureDeps,
  workspaceId: string,
  { person, ground, by }: { person: PersonRef; ground: string; by: string },
): Promise<string> {
  const id = uuidv7();
  const known = await knownPerson(tx, person);
  await suppressPerson(tx, deps, workspaceId, known, namedContacts(person), by);
  const subjectSealed = deps.vault.seal(context(workspaceId, id), JSON.stringify(known));
  await insertErasure(tx, { id, workspaceId, subjectSealed, ground, by });
  await addToOutbox(tx, [erasureRequested.create({ workspaceId, erasureId: id })]);
  return id;
}

async function suppressPerson(
  tx: Tx,
  deps: ErasureDeps,
  workspaceId: string,
  { prospectIds, traces }: KnownPerson,
  named: readonly Contact[],
  by: string,
): Promise<void> {
  const known: Contact[] = [
    ...traces.emails.map((value) => ({ kind: "email" as const, value })),
    ...traces.phones.map((value) => ({ kind: "phone" as const, value })),
    ...traces.cuis.map((cui) => ({ kind: "cui" as const, value: String(cui) })),
  ];
  // What a register holds need not be an address that can exist.
  const contacts = [...named, ...known.filter((contact) => contactKey(contact) !== null)];
  await suppress(tx, deps, workspaceId, contacts, { reason: "erasure", source: "erasure", by });
  await markObjected(tx, prospectIds, deps.now());
}

/** What an erasure is about; null: it is done, or there is none. Its row is locked. */
export async function erasureInHand(
  tx: Tx,
  deps: ErasureDeps,
  workspaceId: string,
  id: string,
): Promise<KnownPerson | null> {
  const sealed = await sealedSubject(tx, id);
  return sealed ? JSON.parse(deps.vault.open(context(workspaceId, id), sealed)) : null;
}

/** The tables that are searched, by name, in the order in which they are cleaned. */
export async function searchedTables(tx: Tx): Promise<Map<string, SearchedTable>> {
  const tables = await changeableColumns(tx);
  return new Map(
    tables.filter(({ table }) => !NOT_SEARCHED.includes(table)).map((each) => [each.table, each]),
  );
}

/**
 * Removes the person's own rows, and values in which they are found; golden records of others that these were part of are
 * derived again. Returns how many rows of what.
 */
export async function removeOwnRows(
  tx: Tx,
  { now }: ErasureDeps,
  person: KnownPerson,
): Promise<Record<string, number>> {
  const search = searchOf(person);
  const tables = await searchedTables(tx);
  const removed: Record<string, number> = {};
  for (const place of person.places) {
    const rows = await referenceRowsOf(tx, { ...place, block: blockKey(place.name) });
    const theirs = rows.filter(
      (row) =>
        row.cui === place.cui ||
        (row.cui === null && nameKey(row.name ?? "") === nameKey(place.name) && sameTown(row, place)),
    );
    await deleteReferenceRows(tx, theirs);
    removed.reference_rows = (removed.reference_rows ?? 0) + theirs.length;
  }
  const holders = (await prospectsWith(tx, search)).filter((id) => !person.prospectIds.includes(id));
  const affected = await removePersons(tx, person.prospectIds);
  removed.prospects = person.prospectIds.length;
  await forgetMerges(tx, holders);
  await freeSnapshots(tx, search);
  for (const name of DELETED) {
    const table = tables.get(name);
    if (table) removed[name] = (removed[name] ?? 0) + (await deleteWith(tx, table, search));
  }
  const others = [...new Set([...holders, ...affected])].sort();
  await mergeValues(tx, others, now());
  await scoreRecords(tx, others, now());
  return removed;
}

const sameTown = (row: { locality: string | null }, place: { locality: string | null }): boolean =>
  row.locality === null || place.locality === null || nameKey(row.locality) === nameKey(place.locality);

/** Cleans one table of what names the person. Returns how many rows. */
export async function cleanTable(tx: Tx, person: KnownPerson, name: string): Promise<number> {
  const search = searchOf(person);
  if (UNCHANGEABLE.includes(name)) {
    const columns = [{ name: "details", type: "jsonb", nullable: false } as const];
    return deleteWith(tx, { table: name, columns }, search);
  }
  const table = (await searchedTables(tx)).get(name);
  return table ? scrubWith(tx, table, search) : 0;
}

/** The tables that {@link cleanTable} is to be called for. */
export const tablesToClean = async (tx: Tx): Promise<string[]> => [
  ...(await searchedTables(tx)).keys(),
  ...UNCHANGEABLE,
];

/** In how many rows the person is still found. */
export async function countLeft(tx: Tx, person: KnownPerson): Promise<number> {
  let left = 0;
  for (const table of (await searchedTables(tx)).values())
    left += await countWith(tx, table, searchOf(person));
  return left;
}

/** Issues the certificate: nothing of the person is left, and who it was is forgotten. */
export async function completeErasure(tx: Tx, id: string, runId: string): Promise<void> {
  await addRemoved(tx, id, { stored_answers: await dropStoredAnswers(tx) });
  await endErasure(tx, id, "done");
  const erasure = await findErasure(tx, id);
  await recordAudit(tx, {
    actor: { kind: "system", id: "erasure" },
    action: "person.erased",
    subject: { kind: "erasure", id },
    legalBasis: "legal_obligation",
    details: { ...erasure?.removed },
    correlationId: runId,
  });
}
