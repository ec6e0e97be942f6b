/** What we hold about a person (Art. 15 GDPR): every row that names them, as it is, with where it came from. */
import type { Tx } from "#db/client.ts";
import { rowsWith, type SearchedTable } from "#db/queries/personal-data.ts";
import { searchedTables } from "./erasure.ts";
import { legalBasisRegister } from "./legal-basis.ts";
import { knownPerson, type PersonRef, searchOf } from "./person.ts";

/** Of one table; more than that of one person means that something else was found. */
const MOST_ROWS = 1_000;
/** How we come by it; not what tells others how to act for us. */
const WITHHELD = /sealed|secret|sha256|digest|hash/;
/** Our own installation's, not about persons whom we hold data of. */
const NOT_EXPORTED = ["webhook_endpoints", "webhook_sources", "idempotency_keys", "outbox"];

export interface SubjectAccess {
  /** Rows by table: values with source, confidence, time and legal basis, answers of providers, messages, … */
  held: Record<string, Record<string, unknown>[]>;
  /** Tables of which there is more than is shown. */
  cut: string[];
  /** Why, on which basis and for how long we process. */
  purposes: Awaited<ReturnType<typeof legalBasisRegister>>;
  /** Providers that were asked about the person. */
  recipients: string[];
}

/** @throws InvalidInputError, NotFoundError */
export async function subjectAccess(tx: Tx, ref: PersonRef): Promise<SubjectAccess> {
  const person = await knownPerson(tx, ref);
  const search = searchOf(person);
  const held: SubjectAccess["held"] = {};
  const cut: string[] = [];
  for (const table of (await searchedTables(tx)).values()) {
    if (NOT_EXPORTED.includes(table.table)) continue;
    const rows = await rowsWith(tx, table, search, MOST_ROWS + 1);
    if (rows.length > MOST_ROWS) cut.push(table.table);
    if (rows.length > 0) held[table.table] = rows.slice(0, MOST_ROWS).map((row) => shown(row, table));
  }
  const recipients = new Set((held.snapshots ?? []).map(({ provider }) => String(provider)));
  return { held, cut, purposes: await legalBasisRegister(tx), recipients: [...recipients].sort() };
}

const shown = (row: Record<string, unknown>, { columns }: SearchedTable): Record<string, unknown> => {
  const bytes = new Set(columns.filter(({ type }) => type === "bytea").map(({ name }) => name));
  return Object.fromEntries(
    Object.entries(row)
      .filter(([name]) => name !== "workspace_id" && !WITHHELD.test(name))
      .map(([name, value]) => [name, bytes.has(name) && typeof value === "string" ? textOf(value) : value]),
  );
};

/** Postgres writes bytes as `\x` and hexadecimal. */
const textOf = (hex: string): string => Buffer.from(hex.replace(/^\\x/, ""), "hex").toString("utf8");
