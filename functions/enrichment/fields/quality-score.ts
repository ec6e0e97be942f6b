import { prospectsOfChunk } from "#db/queries/golden-records.ts";
import { scoreRecords } from "#src/platform/golden-records.ts";
import { defineStage } from "../define-stage.ts";

/** Scores golden records into tiers, where they have changed. With the first score a prospect is enriched, and usable. */
export const qualityScore = defineStage({
  id: "quality-score",
  concurrency: 10,
  retries: 4,
  run: async (tx, { chunkId }, { now }) => ({
    scored: await scoreRecords(tx, await prospectsOfChunk(tx, chunkId), now()),
  }),
});
