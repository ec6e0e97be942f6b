import type { Change, QueueItem } from "../state/rows.ts";
import type { Runs } from "../state/runs.ts";
import type { WaitedEvents } from "../state/waited-events.ts";
import type { Writer } from "../state/writer.ts";
import type { PlannedRuns } from "./plan-runs.ts";

/**
 * Makes planned runs durable, together with `also`, and returns the items that start them. Runs whose event
 * turned out to be a duplicate are not started.
 */
export async function startRuns(
  ports: { writer: Writer; runs: Runs; waited: WaitedEvents },
  planned: PlannedRuns,
  also: Change = {},
): Promise<QueueItem[]> {
  for (const wait of planned.change.runs.flatMap(({ waits }) => waits)) ports.waited.add(wait.name);
  const { droppedRuns } = await ports.writer.commit({
    ...also,
    ...planned.change,
    items: [...(also.items ?? []), ...planned.items],
  });
  const started = planned.change.runs.filter(({ run }) => !droppedRuns.has(run.id));
  for (const { state } of planned.runs) if (!droppedRuns.has(state.id)) ports.runs.add(state);
  return [...started.flatMap(({ item, timers }) => [item, ...timers]), ...planned.items];
}
