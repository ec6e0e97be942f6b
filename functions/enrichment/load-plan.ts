/** Reads the plan's lines and the files they name into what the app can run. Wrong lines are refused at start. */
import type { RunnablePlan } from "#src/platform/chunk-work.ts";
import type { Field } from "./define-field.ts";
import type { Stage } from "./define-stage.ts";
import type { PlanLine } from "./plan.ts";

export interface LoadedPlan extends RunnablePlan {
  functions: readonly (Field | Stage)[];
}

const DAY_MS = 24 * 3_600_000;

/**
 * Loads each field and stage from its file.
 * @param load imports the module of an id (tests hand in their own)
 * @throws Error that names the line and what is wrong with it
 */
export async function loadPlan(
  lines: Record<string, PlanLine>,
  stages: readonly string[],
  load: (id: string) => Promise<object>,
): Promise<LoadedPlan> {
  const fieldIds = Object.keys(lines);
  const functions = await Promise.all(
    [...fieldIds, ...stages].map(async (id) => {
      const wanted = fieldIds.includes(id) ? "field" : "stage";
      const exported = Object.values(await load(id)) as (Field | Stage)[];
      const found = exported.find((item) => item?.kind === wanted && item.id === id);
      if (!found)
        throw new Error(`The plan names "${id}", but fields/${id}.ts exports no ${wanted} of that id.`);
      return found;
    }),
  );
  for (const [id, line] of Object.entries(lines)) {
    const scores = (line.needs ?? []).some((need) => stages.includes(need));
    if (line.when && !scores)
      throw new Error(
        `The plan's "${id}" has a rule (when), so it needs a stage, such as "${stages.at(-1)}".`,
      );
    for (const need of line.needs ?? []) {
      if (!fieldIds.includes(need) && !stages.includes(need))
        throw new Error(`The plan's "${id}" needs "${need}", which is no field or stage of it.`);
      if (stages.includes(need) && line.required)
        throw new Error(`The plan's "${id}" is required, so no stage comes before it; it needs "${need}".`);
      if (reaches(lines, need, id)) throw new Error(`The plan's "${id}" and "${need}" need each other.`);
    }
  }
  return {
    functions,
    fields: Object.entries(lines).map(([id, line]) => ({
      id,
      required: line.required,
      needs: line.needs ?? [],
      freshMs: line.freshForDays * DAY_MS,
      absentMs: (line.absentForDays ?? line.freshForDays) * DAY_MS,
      order: line.order ?? "fixed",
      ...(line.when ? { when: line.when } : {}),
      ...(line.maxCostEuros === undefined
        ? {}
        : { maxCostMicros: Math.round(line.maxCostEuros * 1_000_000) }),
    })),
    stages,
    // Enough to keep the provider busy while the next chunks travel, few enough to wait in Postgres.
    maxOutstanding: new Map(functions.map(({ id, concurrency }) => [id, concurrency * 2])),
  };
}

function reaches(
  lines: Record<string, PlanLine>,
  from: string,
  to: string,
  seen = new Set<string>(),
): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return (lines[from]?.needs ?? []).some((need) => reaches(lines, need, to, seen));
}
