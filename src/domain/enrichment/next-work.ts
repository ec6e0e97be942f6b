/**
 * What may start now on a chunk: the plan's one decision, pure. Fields start when those they need have ended;
 * as soon as the required fields have, the stages (merge, then score) follow in order, and they run again whenever
 * later values have arrived. Nothing waits for anything else.
 */

export interface PlannedField {
  id: string;
  required: boolean;
  /** Ids of fields that must have ended first, well or badly. */
  needs: readonly string[];
}

export interface PlanShape {
  fields: readonly PlannedField[];
  /** Ids of what follows the required fields, in order. */
  stages: readonly string[];
}

/** One field's or stage's work on the chunk, as far as it has come. */
export interface Work {
  status: "ready" | "requested" | "running" | "done" | "failed";
  /** For stages: the values_version of the chunk that it works, or worked, from. */
  version: number;
}

export interface NextWork {
  /** What may start, with the values version it starts from (0 for fields). */
  ready: { id: string; version: number }[];
  /** Nothing is left to do on this chunk, now or later. */
  ended: boolean;
}

const hasEnded = (work: Work | undefined) => work?.status === "done" || work?.status === "failed";

/**
 * Decides what may start on a chunk.
 * @param work what has been started so far, by id; an id that is absent has not
 * @param valuesVersion how many fields have ended on the chunk
 */
export function nextWork(plan: PlanShape, work: ReadonlyMap<string, Work>, valuesVersion: number): NextWork {
  const ended = (id: string) => hasEnded(work.get(id));
  const ready: NextWork["ready"] = plan.fields
    .filter((field) => !work.has(field.id) && field.needs.every(ended))
    .map((field) => ({ id: field.id, version: 0 }));

  const fieldsEnded = plan.fields.every((field) => ended(field.id));
  if (!plan.fields.every((field) => !field.required || ended(field.id))) return { ready, ended: false };

  // Each stage follows the version that the one before it has done; the first follows the values themselves.
  let input = valuesVersion;
  for (const stage of plan.stages) {
    const mine = work.get(stage);
    if (!mine || (hasEnded(mine) && mine.version < input)) {
      ready.push({ id: stage, version: input });
      return { ready, ended: false };
    }
    if (!hasEnded(mine)) return { ready, ended: false };
    if (mine.status === "failed") break;
    input = mine.version;
  }
  return { ready, ended: fieldsEnded && ready.length === 0 };
}
