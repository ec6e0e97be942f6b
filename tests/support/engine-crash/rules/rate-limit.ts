import { callsOf, type Evidence, eventsOf, type Finding, runsOf, surelyBefore } from "../evidence.ts";
import { RATE } from "../kinds.ts";

const PERIOD_MS = RATE.periodS * 1_000;

/**
 * In no period does a key start more runs than its limit, by the time at which the engine says it let each in (which
 * must lie between the sending of its event and its first call); and an event is dropped only when a run of its key
 * was let in less than a period before it.
 */
export function judgeRateLimit(evidence: Evidence): Finding {
  const problems: string[] = [];
  const calls = callsOf(evidence);
  const events = eventsOf(evidence, "rated");
  const runs = runsOf(evidence, "rated");
  const ran = new Set(runs.map((run) => run.event.data.n));
  for (const run of runs) {
    const sentAtMs = evidence.sent.get(run.event.data.n ?? -1)?.sentAtMs ?? Number.POSITIVE_INFINITY;
    const calledAtMs = calls.get(run.id)?.[0] ?? Number.NEGATIVE_INFINITY;
    if (run.queued_at_ms < sentAtMs || run.queued_at_ms > calledAtMs)
      problems.push(`run ${run.id} was let in at ${run.queued_at_ms}: before its event, or after its call`);
  }
  for (const [key, ofKey] of Map.groupBy(runs, (run) => run.event.data.key)) {
    const times = ofKey.map((run) => run.queued_at_ms);
    const most = Math.max(
      ...times.map((from) => times.filter((at) => at >= from && at < from + PERIOD_MS).length),
    );
    if (most > RATE.limit) problems.push(`key ${key} started ${most} rated runs within a period`);
  }
  const dropped = events.filter(({ n, acceptedAtMs }) => acceptedAtMs !== null && !ran.has(n));
  for (const { n, ...event } of dropped) {
    const wasInTheWay = runs.some((run) => {
      const started = evidence.sent.get(run.event.data.n ?? -1);
      if (started?.key !== event.key) return false;
      return run.queued_at_ms > event.sentAtMs - PERIOD_MS && !surelyBefore(event, started);
    });
    if (!wasInTheWay)
      problems.push(`event ${n} of key ${event.key} was dropped although the limit was not reached`);
  }
  return { problems, figures: { overRate: dropped.length } };
}
