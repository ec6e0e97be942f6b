import { callsOf, type Evidence, type Finding, runsOf } from "../evidence.ts";
import { STARTS_PER_SECOND } from "../kinds.ts";

/**
 * No key starts more runs in any second than its throttle allows, also after an outage; what counts is the first call
 * of a run that the app saw.
 */
export function judgeThrottle(evidence: Evidence): Finding {
  const problems: string[] = [];
  const calls = callsOf(evidence);
  for (const [key, runs] of Map.groupBy(runsOf(evidence, "throttled"), (run) => run.event.data.key)) {
    const starts = runs.flatMap((run) => calls.get(run.id)?.[0] ?? []);
    const most = Math.max(
      0,
      ...starts.map((from) => starts.filter((at) => at >= from && at < from + 1_000).length),
    );
    // One more fits when the commit before a call took its time, or its engine was killed, and the next did not wait.
    if (most > STARTS_PER_SECOND + 1)
      problems.push(`key ${key} started ${most} throttled runs within a second`);
  }
  return { problems, figures: {} };
}
