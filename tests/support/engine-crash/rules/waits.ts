import { type Evidence, eventsOf, type Finding, uptimeMs } from "../evidence.ts";
import { WAIT_S } from "../kinds.ts";
import { readWaitEnds } from "./wait-ends.ts";

/** What comes closer to the end of a wait than this may be taken or not. */
const CLOSE_MS = 500;

/**
 * A wait ends with an event that came for it while it waited, whenever there is one that was accepted before the
 * timeout, also when the engine was down at that time; else it ends by its timeout, and not before it.
 */
export function judgeWaits(evidence: Evidence): Finding {
  const problems: string[] = [];
  const answers = Map.groupBy(eventsOf(evidence, "answer"), (answer) => answer.of);
  const waits = readWaitEnds(evidence, "waiter", problems);
  for (const { run, with: taken, fromMs, beganMs, endedAtMs } of waits) {
    const mine = answers.get(run.event.data.n) ?? [];
    if (taken === null) {
      const lastsUntilMs = fromMs + WAIT_S * 1_000;
      if (endedAtMs < lastsUntilMs) problems.push(`the wait of run ${run.id} timed out too early`);
      const missed = mine.find(
        ({ sentAtMs, acceptedAtMs }) =>
          sentAtMs > beganMs && acceptedAtMs !== null && acceptedAtMs < lastsUntilMs - CLOSE_MS,
      );
      if (missed) problems.push(`run ${run.id} waited and missed event ${missed.n}`);
      continue;
    }
    const answer = mine.find(({ n }) => n === taken);
    if (!answer) problems.push(`the wait of run ${run.id} ended with event ${taken}, which is not for it`);
    else if (answer.sentAtMs > endedAtMs || (answer.acceptedAtMs ?? Number.POSITIVE_INFINITY) < fromMs)
      problems.push(`the wait of run ${run.id} ended with event ${taken}, which came before or after it`);
    else if (uptimeMs(evidence.kills, beganMs + WAIT_S * 1_000, answer.sentAtMs) > CLOSE_MS)
      problems.push(`the wait of run ${run.id} ended with event ${taken}, although its time was over`);
  }
  const answered = waits.filter((wait) => wait.with !== null).length;
  return { problems, figures: { answered, unanswered: waits.length - answered } };
}
