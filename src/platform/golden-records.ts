/** Derives golden records and scores of prospects from their values; only where something has changed. */
import type { Tx } from "#db/client.ts";
import {
  agedRecords,
  type CurrentValue,
  currentValues,
  lockGoldenRecords,
  markEnriched,
  type RegistryFacts,
  registryFacts,
  type ValueOrigin,
  valueDigests,
  valueOrigins,
  writeGoldenRecords,
  writeScores,
} from "#db/queries/golden-records.ts";
import type { GoldenAttribute } from "#db/schema/prospects.ts";
import { goldenRecord } from "#src/domain/enrichment/golden-record.ts";
import { freshnessPct, type Quality, quality } from "#src/domain/enrichment/quality.ts";
import { matchBlock } from "#src/domain/matching/duplicates.ts";

type Golden = Readonly<Record<string, GoldenAttribute>>;

/**
 * Derives golden records by the survivorship rules, and scores them: a score is always of the record beside it.
 * Returns how many are other than before.
 */
export async function mergeValues(tx: Tx, ids: readonly string[], now: Date): Promise<number> {
  const locked = await lockGoldenRecords(tx, ids);
  // A statement of its own: it sees what was written while we waited for the locks.
  const digests = await valueDigests(
    tx,
    locked.map(({ id }) => id),
  );
  const changed = locked.filter(({ id, digest }) => digests.get(id) !== digest).map(({ id }) => id);
  if (changed.length === 0) return 0;
  const facts = await registryFacts(tx, changed);
  const values = await currentValues(
    tx,
    facts.map(({ id }) => id),
  );
  const origins = new Map(values.map((value) => [value.id, value]));
  const valuesOf = Map.groupBy(values, ({ prospectId }) => prospectId);
  const members = Map.groupBy(facts, ({ keptId }) => keptId);
  const records = facts
    .filter(({ id, keptId }) => id === keptId)
    .map((own) => {
      const merged = (members.get(own.id) ?? []).filter((each) => each !== own);
      const golden = goldenOf(own, merged, valuesOf);
      const digest = digests.get(own.id) as string;
      return { id: own.id, golden, digest, matchName: matchBlock(own), ...qualityOf(golden, origins, now) };
    });
  return writeGoldenRecords(tx, records);
}

function goldenOf(
  own: RegistryFacts,
  merged: readonly RegistryFacts[],
  values: ReadonlyMap<string, CurrentValue[]>,
) {
  const others = merged.map((each) => ({
    id: each.id,
    ...importedOf(each),
    values: values.get(each.id) ?? [],
  }));
  return goldenRecord(importedOf(own), values.get(own.id) ?? [], others);
}

function importedOf({ id: _, keptId: __, importedAt, ...attributes }: RegistryFacts) {
  return { attributes, importedAt };
}

/**
 * Makes scored prospects enriched, and scores those anew whose score is of an earlier day: what is known ages.
 * Returns how many were enriched, and how many scored anew.
 */
export async function scoreRecords(
  tx: Tx,
  ids: readonly string[],
  now: Date,
): Promise<{ enriched: number; rescored: number }> {
  const records = await agedRecords(tx, ids);
  const origins = await originsOf(
    tx,
    records.map(({ golden }) => golden),
  );
  await writeScores(
    tx,
    records.map(({ golden, ...record }) => ({ ...record, ...qualityOf(golden, origins, now) })),
  );
  return { enriched: await markEnriched(tx, ids), rescored: records.length };
}

/** The values that these records are made of, by their ids. */
export async function originsOf(tx: Tx, records: readonly Golden[]): Promise<Map<string, ValueOrigin>> {
  if (records.length === 0) return new Map();
  const ids = records.flatMap((golden) => Object.values(golden).flatMap((each) => each.fieldValueId ?? []));
  return valueOrigins(tx, [...new Set(ids)]);
}

/** How good a golden record is at this time. */
export function qualityOf(golden: Golden, origins: ReadonlyMap<string, ValueOrigin>, now: Date): Quality {
  const attributes = Object.values(golden).map(({ confidencePct, observedAt, fieldValueId }) => {
    const age = {
      observedAt: new Date(observedAt),
      freshUntil: origins.get(fieldValueId ?? "")?.freshUntil ?? null,
    };
    return { confidencePct, freshnessPct: freshnessPct(age, now) };
  });
  return quality({
    attributes,
    hasVerifiedEmail: golden.emailVerified?.value === true,
    deregistered: golden.deregistered?.value === true,
  });
}
