/**
 * What may start now on a chunk: the plan's one decision, pure. Fields start when what they need has ended. As soon
 * as the required fields have, the stages (merge, then score) follow in order, and they run again when later values
 * have arrived: at once when nothing else is under way on the chunk, else after a few of them, so that a chunk whose
 * fields end one after another is not merged once for each.
 */

export interface PlannedField {
  id: string;
  required: boolean;
  /** Ids of fields and stages that must have ended first, well or badly. */
  needs: readonly string[];
}

export interface PlanShape {
  fields: readonly PlannedField[];
  /** Ids of what follows the required fields, in order. */
  stages: readonly string[];
}

/** One field's or stage's work on the chunk, as far as it has come. */
export interface Work {
  status: "ready" | "requested" | "running" | "done" | "failed" | "cancelled";
  /** For stages: the values_version of the chunk that it works, or worked, from. */
  version: number;
  /** It has ended before; a stage may be running again. */
  endedOnce: boolean;
}

export interface NextStage {
  /** The stage that may start, with the values version it starts from. */
  ready: { id: string; version: number } | null;
  /** Nothing is left to do on this chunk, now or later. */
  ended: boolean;
}

/** So many new values are merged although others are still on their way. */
const ENOUGH_VALUES = 5;

const hasEnded = (work: Work | undefined) => work?.status === "done" || work?.status === "failed";

/** The fields that may start now. An id that is absent in `work` has not been started. */
export function readyFields(plan: PlanShape, work: ReadonlyMap<string, Work>): string[] {
  return plan.fields
    .filter(({ id, needs }) => !work.has(id) && needs.every((need) => work.get(need)?.endedOnce))
    .map(({ id }) => id);
}

/**
 * The stage that may start now. Decide it after the fields that were ready have been started.
 * @param valuesVersion how many fields have ended on the chunk
 */
export function nextStage(
  plan: PlanShape,
  work: ReadonlyMap<string, Work>,
  valuesVersion: number,
): NextStage {
  const waiting: NextStage = { ready: null, ended: false };
  const ended = ({ id }: PlannedField) => hasEnded(work.get(id));
  if (!plan.fields.every((field) => !field.required || ended(field))) return waiting;
  const underWay = plan.fields.some(({ id }) => {
    const status = work.get(id)?.status;
    return status === "requested" || status === "running";
  });

  // Each stage follows the version that the one before it has done; the first follows the values themselves.
  let input = valuesVersion;
  for (const id of plan.stages) {
    const mine = work.get(id);
    if (!mine) return { ready: { id, version: input }, ended: false };
    if (!hasEnded(mine)) return waiting;
    const behind = input - mine.version;
    if (behind > 0) {
      const first = id === plan.stages[0];
      return first && underWay && behind < ENOUGH_VALUES
        ? waiting
        : { ready: { id, version: input }, ended: false };
    }
    if (mine.status === "failed") break;
    input = mine.version;
  }
  return { ready: null, ended: plan.fields.every(ended) };
}
