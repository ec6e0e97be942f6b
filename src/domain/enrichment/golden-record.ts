/** From what the import and the fields said of a company to its golden record: pure. */
import { type Candidate, survivors } from "./survivorship.ts";

/** What the import brought, by attribute. */
export interface ImportedFacts {
  attributes: Readonly<Record<string, unknown>>;
  importedAt: string;
}

export interface FieldValue {
  id: string;
  field: string;
  status: "found" | "not_found";
  value: Readonly<Record<string, unknown>> | null;
  source: string;
  confidencePct: number | null;
  observedAt: string;
}

/** The field that confirms the tax id with the tax authority. */
const CONFIRMING_FIELD = "cui-validation";

/**
 * The registry's word is good once the tax authority knows the same company; an id that it does not know may be
 * a typing error, a struck-off firm, or nobody.
 */
const CONFIRMED_PCT = 90;
const UNCONFIRMED_PCT = 60;

/** Builds the record. Every key of a found field's value is an attribute. */
export function goldenRecord(
  imported: ImportedFacts,
  values: readonly FieldValue[],
): Record<string, Candidate> {
  const confirmed = values.some((value) => value.field === CONFIRMING_FIELD && value.status === "found");
  const candidates: Record<string, Candidate[]> = {};
  const add = (attribute: string, candidate: Candidate) => {
    candidates[attribute] = [...(candidates[attribute] ?? []), candidate];
  };
  for (const [attribute, value] of Object.entries(imported.attributes)) {
    add(attribute, {
      value,
      source: "onrc",
      confidencePct: confirmed ? CONFIRMED_PCT : UNCONFIRMED_PCT,
      observedAt: imported.importedAt,
      fieldValueId: null,
    });
  }
  for (const { id, value, source, confidencePct, observedAt } of values) {
    for (const [attribute, each] of Object.entries(value ?? {})) {
      add(attribute, {
        value: each,
        source,
        confidencePct: confidencePct ?? 0,
        observedAt,
        fieldValueId: id,
      });
    }
  }
  return survivors(candidates);
}
