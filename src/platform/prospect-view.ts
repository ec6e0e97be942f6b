/** All that there is to say of one prospect: its golden record, every field's result, its score and the next call. */
import type { Tx } from "#db/client.ts";
import { type LastResult, lastResults, sampledRecords } from "#db/queries/field-records.ts";
import { type ProspectDetail, prospectDetail } from "#db/queries/prospects.ts";
import type { GoldenAttribute } from "#db/schema/prospects.ts";
import { type IneligibleReason, ineligibleBecause } from "#src/domain/enrichment/eligibility.ts";
import { expectedField, type NextCall, nextCall } from "#src/domain/enrichment/next-call.ts";
import type { Quality } from "#src/domain/enrichment/quality.ts";
import type { RunnableField, RunnablePlan } from "./chunk-work.ts";
import { originsOf, qualityOf } from "./golden-records.ts";

/** What one ask of each field costs at its first source that is in use; null: none is. */
export type FieldPrices = ReadonlyMap<string, number | null>;

export interface FieldView extends Omit<LastResult, "status" | "errorCode"> {
  required: boolean;
  status: LastResult["status"];
  /** Of a failure. */
  reason: string | null;
}

/** A field without a result: it was never asked, or the plan's rule leaves it out. */
export interface UnaskedField {
  field: string;
  required: boolean;
  status: "ineligible" | "not_asked";
  /** Of the rule, the part that is not met; or that the field has no source in use. */
  reason: IneligibleReason | "no_source" | null;
}

export interface ProspectView
  extends Omit<ProspectDetail, "golden" | "scorePct" | "fieldsFilled" | "confidencePct"> {
  /** Each with the field whose value it is; null: the import's. */
  golden: Record<string, GoldenAttribute & { field: string | null }>;
  /** As of now; null before the first golden record. */
  score: Quality | null;
  fields: (FieldView | UnaskedField)[];
  /** The cheapest call that would raise the tier; null: none can be expected to. */
  nextCall: NextCall | null;
}

/** Null: there is no such prospect. */
export async function viewProspect(
  tx: Tx,
  { plan, prices, now }: { plan: RunnablePlan; prices: FieldPrices; now: Date },
  id: string,
): Promise<ProspectView | null> {
  const detail = await prospectDetail(tx, id);
  if (!detail) return null;
  const { golden, scorePct: _, fieldsFilled: __, confidencePct: ___, ...prospect } = detail;
  const results = new Map((await lastResults(tx, id)).map((result) => [result.field, result]));
  const origins = await originsOf(tx, golden ? [golden] : []);
  return {
    ...prospect,
    golden: Object.fromEntries(
      Object.entries(golden ?? {}).map(([name, attribute]) => [
        name,
        { ...attribute, field: origins.get(attribute.fieldValueId ?? "")?.field ?? null },
      ]),
    ),
    score: golden && qualityOf(golden, origins, now),
    fields: plan.fields.map((line) => viewField(line, detail, results.get(line.id), prices)),
    nextCall: await nextCallOf(tx, { plan, prices }, detail, results),
  };
}

function viewField(
  line: RunnableField,
  { isNaturalPerson, tier, golden }: ProspectDetail,
  result: LastResult | undefined,
  prices: FieldPrices,
): FieldView | UnaskedField {
  const { id: field, required, when } = line;
  if (result) {
    const { errorCode, ...rest } = result;
    return { ...rest, required, reason: errorCode };
  }
  const attributes = Object.fromEntries(
    Object.entries(golden ?? {}).map(([name, { value }]) => [name, value]),
  );
  const reason = ineligibleBecause(when, { isNaturalPerson, tier, attributes });
  if (reason) return { field, required, status: "ineligible", reason };
  return { field, required, status: "not_asked", reason: prices.get(field) == null ? "no_source" : null };
}

async function nextCallOf(
  tx: Tx,
  { plan, prices }: { plan: RunnablePlan; prices: FieldPrices },
  { isNaturalPerson, tier, golden, mergedInto }: ProspectDetail,
  results: ReadonlyMap<string, LastResult>,
): Promise<NextCall | null> {
  if (!golden || !tier || mergedInto) return null;
  const records = new Map((await sampledRecords(tx)).map((record) => [record.field, record]));
  const fields = plan.fields.map((line) =>
    expectedField(line, prices.get(line.id) ?? null, records.get(line.id) ?? null),
  );
  const answered = [...results.values()]
    .filter(({ status }) => status !== "failed")
    .map(({ field, fresh }) => [field, fresh ? "fresh" : "stale"] as const);
  return nextCall({ isNaturalPerson, tier, golden, answered: Object.fromEntries(answered) }, fields);
}
