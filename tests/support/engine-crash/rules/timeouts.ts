import { callsOf, type Evidence, type Finding, runsOf } from "../evidence.ts";
import { dawdles, STATUS, TIMEOUT_S } from "../kinds.ts";

/**
 * A hurried run that dawdles is cancelled, a patient one is cancelled only before its first call; none is before
 * its time is over.
 */
export function judgeTimeouts(evidence: Evidence): Finding {
  const problems: string[] = [];
  const calls = callsOf(evidence);
  const hurried = runsOf(evidence, "hurried");
  const patient = runsOf(evidence, "patient");
  const cancelled = [...hurried, ...patient].filter((run) => run.status === STATUS.cancelled);
  for (const run of cancelled)
    if ((run.ended_at_ms ?? 0) < run.queued_at_ms + TIMEOUT_S * 1_000)
      problems.push(`run ${run.id} (${run.slug}) was cancelled before its time was over`);
  for (const run of hurried)
    if (dawdles(run.event.data.n ?? 0) && run.status !== STATUS.cancelled)
      problems.push(`run ${run.id} went on for longer than it may and was not cancelled`);
  for (const run of patient)
    if (run.status === STATUS.cancelled && calls.has(run.id))
      problems.push(`run ${run.id} was cancelled as not started in time, and had been called`);
  return { problems, figures: { outOfTime: cancelled.length } };
}
