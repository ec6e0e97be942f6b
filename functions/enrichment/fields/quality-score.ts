import { goldenRecords, writeScores } from "#db/queries/prospects.ts";
import { quality } from "#src/domain/enrichment/quality.ts";
import { defineStage } from "../define-stage.ts";

/** Scores golden records into tiers. With the first score a prospect is enriched, and usable. */
export const qualityScore = defineStage({
  id: "quality-score",
  concurrency: 10,
  retries: 4,
  async run(tx, key) {
    const records = await goldenRecords(tx, key.chunkId);
    const scores = records.map(({ id, golden }) => ({
      id,
      ...quality({
        confidencesPct: Object.values(golden).map((attribute) => attribute.confidencePct),
        hasVerifiedEmail: golden.emailVerified?.value === true,
        deregistered: golden.deregistered?.value === true,
      }),
    }));
    await writeScores(tx, scores);
    return { scored: scores.length };
  },
});
