/**
 * Which fields there are, one line each. The id is the name of the file in `fields/`.
 *
 * - `required`: a prospect it fails for ends as failed; the others are scored as soon as these are done.
 *   An optional field never holds a prospect up: its values are merged and scored when they come.
 * - `needs`: fields that must have ended on the chunk before it starts.
 * - `freshForDays`: a value younger than this is not asked for again.
 */
export interface PlanLine {
  required: boolean;
  needs?: readonly string[];
  freshForDays: number;
}

export const fields: Record<string, PlanLine> = {
  "cui-validation": { required: true, freshForDays: 30 },
  "fiscal-status": { required: true, needs: ["cui-validation"], freshForDays: 1 },
};

/** What follows on a chunk as soon as its required fields are done, and again when later values arrive. */
export const stages: readonly string[] = ["merge", "quality-score"];
