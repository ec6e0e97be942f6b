/** From what the import and the fields said of a company to its golden record: pure. */
import type { Statement } from "./statement.ts";
import { type Survivor, survivors } from "./survivorship.ts";

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

/** What is known of a prospect that was merged into this one. */
export interface MergedFacts extends ImportedFacts {
  id: string;
  values: readonly FieldValue[];
}

/** Builds the record. Every key of a found field's value is an attribute. */
export function goldenRecord(
  imported: ImportedFacts,
  values: readonly FieldValue[],
  merged: readonly MergedFacts[] = [],
): Record<string, Survivor> {
  const others = merged.flatMap((each) =>
    statementsOf(each, each.values).map((statement) => ({ ...statement, mergedFrom: each.id })),
  );
  return survivors([...statementsOf(imported, values), ...others]);
}

function statementsOf(imported: ImportedFacts, values: readonly FieldValue[]): Statement[] {
  const confirmed = values.some(({ field, status }) => field === CONFIRMING_FIELD && status === "found");
  return [
    {
      field: null,
      attributes: imported.attributes,
      source: "onrc",
      confidencePct: confirmed ? CONFIRMED_PCT : UNCONFIRMED_PCT,
      observedAt: imported.importedAt,
      fieldValueId: null,
    },
    ...values.map(({ id, field, value, source, confidencePct, observedAt }) => ({
      field,
      attributes: value ?? {},
      source,
      confidencePct: confidencePct ?? 0,
      observedAt,
      fieldValueId: id,
    })),
  ];
}
