import { prospectsOfChunk } from "#db/queries/golden-records.ts";
import { mergeValues } from "#src/platform/golden-records.ts";
import { defineStage } from "../define-stage.ts";

/** Derives golden records from what the import and the fields said, by the survivorship rules, where that is new. */
export const merge = defineStage({
  id: "merge",
  // Local work on Postgres: as many as the pool of connections bears.
  concurrency: 10,
  retries: 4,
  run: async (tx, { chunkId }) => ({ changed: await mergeValues(tx, await prospectsOfChunk(tx, chunkId)) }),
});
