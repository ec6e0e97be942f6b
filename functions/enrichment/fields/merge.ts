import { currentValues, registryFacts, writeGoldenRecords } from "#db/queries/prospects.ts";
import { goldenRecord } from "#src/domain/enrichment/golden-record.ts";
import { defineStage } from "../define-stage.ts";

/** Derives each prospect's golden record from what the import and the fields said, by the survivorship rules. */
export const merge = defineStage({
  id: "merge",
  // Local work on Postgres: as many as the pool of connections bears.
  concurrency: 10,
  retries: 4,
  async run(tx, key) {
    const imported = await registryFacts(tx, key.chunkId);
    const values = Map.groupBy(await currentValues(tx, key.chunkId), (value) => value.prospectId);
    const records = imported.map(({ id, importedAt, ...attributes }) => ({
      id,
      golden: goldenRecord({ attributes, importedAt }, values.get(id) ?? []),
    }));
    return { prospects: records.length, changed: await writeGoldenRecords(tx, records) };
  },
});
