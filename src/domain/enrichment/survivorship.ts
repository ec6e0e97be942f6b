/** Which of several values of an attribute becomes the golden record's: stated rules, pure. */

/** A value that somebody said an attribute has. */
export interface Candidate {
  value: unknown;
  source: string;
  confidencePct: number;
  /** ISO 8601. */
  observedAt: string;
  /** Null when it came with the import. */
  fieldValueId: string | null;
}

/**
 * Sources in the order in which they are believed, for the attributes where one is the authority. Everywhere else
 * the higher confidence wins, then the newer observation.
 */
const AUTHORITIES: Readonly<Record<string, readonly string[]>> = {
  name: ["onrc", "anaf"],
  registrationNumber: ["onrc", "anaf"],
  legalForm: ["onrc", "anaf"],
  registeredOn: ["onrc", "anaf"],
  address: ["anaf", "onrc"],
  postalCode: ["anaf", "onrc"],
};

/** Null, "" and blank text say nothing: such a value never survives. */
const isEmpty = (value: unknown) =>
  value === null || value === undefined || (typeof value === "string" && value.trim() === "");

/** The golden record: for each attribute that anybody knows, the value that survives. Keys are sorted. */
export function survivors(
  candidates: Readonly<Record<string, readonly Candidate[]>>,
): Record<string, Candidate> {
  const golden: Record<string, Candidate> = {};
  for (const attribute of Object.keys(candidates).sort()) {
    const known = (candidates[attribute] ?? []).filter((candidate) => !isEmpty(candidate.value));
    const [best] = known.toSorted(byPreference(AUTHORITIES[attribute] ?? []));
    if (best) golden[attribute] = best;
  }
  return golden;
}

function byPreference(authorities: readonly string[]) {
  const rank = (source: string) =>
    authorities.includes(source) ? authorities.indexOf(source) : authorities.length;
  return (a: Candidate, b: Candidate): number =>
    rank(a.source) - rank(b.source) ||
    b.confidencePct - a.confidencePct ||
    b.observedAt.localeCompare(a.observedAt) ||
    // The same facts always give the same record.
    a.source.localeCompare(b.source);
}
