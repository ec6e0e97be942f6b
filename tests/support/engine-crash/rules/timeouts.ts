import { callsOf, type Evidence, type Finding, runsOf } from "../evidence.ts";
import { dawdles, STATUS, TIMEOUT_S } from "../kinds.ts";

/** A call of a patient run does not go on for longer. */
const SERVES_MS = 1_000;

/**
 * A hurried run that dawdles is cancelled, a patient one only before its first call; none is before its time is over.
 * A call that died with the app counts as none: the run waits for its start again.
 */
export function judgeTimeouts(evidence: Evidence): Finding {
  const problems: string[] = [];
  const calls = callsOf(evidence);
  const hurried = runsOf(evidence, "hurried");
  const patient = runsOf(evidence, "patient");
  const cancelled = [...hurried, ...patient].filter((run) => run.status === STATUS.cancelled);
  const appDeaths = evidence.kills.filter((kill) => kill.victims.includes("app")).map((kill) => kill.deadMs);
  const lived = (calledAtMs: number) =>
    !appDeaths.some((deadMs) => calledAtMs <= deadMs && deadMs < calledAtMs + SERVES_MS);
  for (const run of cancelled)
    if ((run.ended_at_ms ?? 0) < run.queued_at_ms + TIMEOUT_S * 1_000)
      problems.push(`run ${run.id} (${run.slug}) was cancelled before its time was over`);
  for (const run of hurried)
    if (dawdles(run.event.data.n ?? 0) && run.status !== STATUS.cancelled)
      problems.push(`run ${run.id} went on for longer than it may and was not cancelled`);
  for (const run of patient)
    if (run.status === STATUS.cancelled && (calls.get(run.id) ?? []).some(lived))
      problems.push(`run ${run.id} was cancelled as not started in time, and had been called`);
  return { problems, figures: { outOfTime: cancelled.length } };
}
