import type { Change, QueueItem } from "../state/rows.ts";
import type { Runs } from "../state/runs.ts";
import type { Writer } from "../state/writer.ts";
import type { PlannedRuns } from "./plan-runs.ts";

/**
 * Makes planned runs durable, together with `also`, and returns the items that start them. Runs whose event
 * turned out to be a duplicate are not started.
 */
export async function startRuns(
  ports: { writer: Writer; runs: Runs },
  planned: PlannedRuns,
  also: Change = {},
): Promise<QueueItem[]> {
  const { droppedRuns } = await ports.writer.commit({
    ...also,
    ...planned.change,
    items: [...(also.items ?? []), ...planned.items],
  });
  const started = planned.runs.filter(({ state }) => !droppedRuns.has(state.id));
  for (const { state } of started) ports.runs.add(state);
  return [...started.map(({ item }) => item), ...planned.items];
}
