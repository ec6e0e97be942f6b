import { prospectsOfChunk } from "#db/queries/golden-records.ts";
import { scoreRecords } from "#src/platform/golden-records.ts";
import { defineStage } from "../define-stage.ts";

/**
 * Brings scores up to date with the day, and makes prospects with a first score enriched, and usable. A golden record
 * that has just changed was scored with it: in one write instead of two.
 */
export const qualityScore = defineStage({
  id: "quality-score",
  concurrency: 10,
  retries: 4,
  run: async (tx, { chunkId }, { now }) => scoreRecords(tx, await prospectsOfChunk(tx, chunkId), now()),
});
