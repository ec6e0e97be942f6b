import type { Evidence, Finding } from "../evidence.ts";
import { WAIT_S } from "../kinds.ts";
import { readWaitEnds } from "./wait-ends.ts";

/**
 * A signal answered 200 ended the wait of the run that the answer names; one answered 404 found nobody waiting; one
 * without an answer may have ended its wait. A wait that no signal ended lasts until its timeout.
 */
export function judgeSignals(evidence: Evidence): Finding {
  const problems: string[] = [];
  const waits = readWaitEnds(evidence, "signalled", problems);
  const byEvent = new Map(waits.map((wait) => [wait.run.event.data.n, wait]));
  for (const [n, { of, sentAtMs, answer }] of evidence.signals) {
    const wait = byEvent.get(of);
    if (answer?.status === 200 && (wait?.with !== n || wait.run.id !== answer.runId))
      problems.push(`signal ${n} was accepted for run ${answer.runId}, which went on with ${wait?.with}`);
    if (answer?.status !== 404 || !wait) continue;
    if (wait.with === n) problems.push(`run ${wait.run.id} went on with signal ${n}, which was refused`);
    const endsMs = Math.min(wait.endedAtMs, wait.fromMs + WAIT_S * 1_000);
    if (sentAtMs > wait.beganMs && answer.atMs < endsMs)
      problems.push(`signal ${n} was refused while run ${wait.run.id} waited for it`);
  }
  for (const { run, with: taken, fromMs, endedAtMs } of waits) {
    if (taken === null) {
      if (endedAtMs < fromMs + WAIT_S * 1_000) problems.push(`the wait of run ${run.id} timed out too early`);
      continue;
    }
    const signal = evidence.signals.get(taken);
    if (!signal || signal.of !== run.event.data.n || signal.sentAtMs > endedAtMs)
      problems.push(`the wait of run ${run.id} ended with signal ${taken}, which was not sent to it by then`);
  }
  const signalled = waits.filter((wait) => wait.with !== null).length;
  return { problems, figures: { signalled, unsignalled: waits.length - signalled } };
}
