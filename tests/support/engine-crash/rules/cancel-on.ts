import { type Evidence, eventsOf, type Finding, runsOf, surelyBefore, uptimeMs } from "../evidence.ts";
import { STATUS } from "../kinds.ts";

/** A run that ends within this time (in which nothing is down) after its stop was accepted was as quick as its stop. */
const CLOSE_MS = 1_000;

/** A run whose stop was accepted while it went on is cancelled; a run that nobody stopped never is. */
export function judgeCancelOn(evidence: Evidence): Finding {
  const problems: string[] = [];
  const stops = Map.groupBy(eventsOf(evidence, "stop"), (stop) => stop.of);
  const runs = runsOf(evidence, "stoppable");
  for (const run of runs) {
    const { n = -1 } = run.event.data;
    const mine = stops.get(n) ?? [];
    const endedAtMs = run.ended_at_ms ?? 0;
    const event = evidence.sent.get(n);
    const stopped = mine.some((stop) => stop.sentAtMs <= endedAtMs && !(event && surelyBefore(stop, event)));
    if (run.status === STATUS.cancelled && !stopped)
      problems.push(`run ${run.id} was cancelled although nobody stopped it`);
    const missed = mine.find(
      ({ sentAtMs, acceptedAtMs }) =>
        sentAtMs > run.queued_at_ms &&
        acceptedAtMs !== null &&
        uptimeMs(evidence.kills, acceptedAtMs, endedAtMs) > CLOSE_MS,
    );
    if (run.status !== STATUS.cancelled && missed)
      problems.push(`run ${run.id} went on after its stop (event ${missed.n})`);
  }
  return { problems, figures: { stopped: runs.filter((run) => run.status === STATUS.cancelled).length } };
}
