import { type Change, type QueueItem, WaitKind } from "./rows.ts";
import type { Runs } from "./runs.ts";
import type { WaitedEvents } from "./waited-events.ts";
import type { Writer } from "./writer.ts";

export interface CommitPorts {
  writer: Writer;
  runs: Runs;
  waited: WaitedEvents;
}

/**
 * Makes a change durable, and returns the items to do next: its own and those of the runs that it starts. Runs
 * whose event turned out to be a duplicate are not started.
 */
export async function commitChange(ports: CommitPorts, change: Change): Promise<QueueItem[]> {
  for (const wait of [...change.waits, ...change.runs.flatMap(({ waits }) => waits)])
    if (wait.kind === WaitKind.event) ports.waited.add(wait.name);
  const dropped = await ports.writer.commit(change);
  const started = change.runs.filter(({ run }) => !dropped.has(run.id));
  for (const { state } of started) if (state) ports.runs.add(state);
  return [...change.items, ...started.flatMap(({ item, timers }) => [item, ...timers])];
}
