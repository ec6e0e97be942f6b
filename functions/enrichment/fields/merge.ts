import { prospectsOfChunk } from "#db/queries/golden-records.ts";
import { mergeValues } from "#src/platform/golden-records.ts";
import { defineStage } from "../define-stage.ts";

/**
 * Derives golden records from what the import and the fields said, by the survivorship rules, and scores them. Only
 * where values have changed: it is repeated whenever late ones arrive.
 */
export const merge = defineStage({
  id: "merge",
  // Local work on Postgres: as many as the pool of connections bears.
  concurrency: 10,
  retries: 4,
  run: async (tx, { chunkId }, { now }) => ({
    changed: await mergeValues(tx, await prospectsOfChunk(tx, chunkId), now()),
  }),
});
