import { callsOf, type Evidence, type Finding, runsOf } from "../evidence.ts";
import { STARTS_PER_SECOND } from "../kinds.ts";

/** Longer than the engine waits before it calls an app again that it could not reach (2 s at most). */
const REPEATS_FOR_MS = 3_000;

/**
 * No key starts more runs in any second than its throttle allows; what counts is the first call of a run that the
 * app saw. While the app or the engine was away that may be the repeat of a start that was in time and not seen,
 * and repeats take no turn: such runs are left out.
 */
export function judgeThrottle(evidence: Evidence): Finding {
  const problems: string[] = [];
  const mayRepeat = (atMs: number) =>
    evidence.kills.some(
      (kill) =>
        kill.victims.some((victim) => victim !== "postgres") &&
        atMs >= kill.atMs &&
        atMs <= kill.upMs + REPEATS_FOR_MS,
    );
  const calls = callsOf(evidence);
  for (const [key, runs] of Map.groupBy(runsOf(evidence, "throttled"), (run) => run.event.data.key)) {
    const starts = runs
      .flatMap((run) => calls.get(run.id)?.[0] ?? [])
      .filter((atMs) => !mayRepeat(atMs))
      .sort((a, b) => a - b);
    const most = Math.max(
      0,
      ...starts.map((from) => starts.filter((at) => at >= from && at < from + 1_000).length),
    );
    // One more fits when the commit before a call took its time, and the next did not.
    if (most > STARTS_PER_SECOND + 1)
      problems.push(`key ${key} started ${most} throttled runs within a second`);
  }
  return { problems, figures: {} };
}
