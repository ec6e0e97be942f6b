import { type Evidence, eventsOf, type Finding, runsOf, surelyBefore } from "../evidence.ts";
import { DEBOUNCE_S } from "../kinds.ts";

/**
 * After every accepted event of a key there is a run for it or for a newer one, so the last is never lost; and no
 * run is made before its event was held for the whole period. That an event has one run at most is for the rule
 * of events.
 */
export function judgeDebounce(evidence: Evidence): Finding {
  const problems: string[] = [];
  const { sent } = evidence;
  const runs = runsOf(evidence, "debounced");
  const events = eventsOf(evidence, "debounced");
  for (const run of runs) {
    const event = sent.get(run.event.data.n ?? -1);
    if (event && run.queued_at_ms < event.sentAtMs + DEBOUNCE_S * 1_000)
      problems.push(
        `run ${run.id} was made before its event ${run.event.data.n} had been held for its period`,
      );
  }
  const ranByKey = Map.groupBy(
    runs.flatMap((run) => sent.get(run.event.data.n ?? -1) ?? []),
    (event) => event.key,
  );
  for (const { n, ...event } of events) {
    const stands = (ranByKey.get(event.key) ?? []).some((ran) => !surelyBefore(ran, event));
    if (event.acceptedAtMs !== null && !stands)
      problems.push(`event ${n} was accepted, and neither it nor a newer one of key ${event.key} ran`);
  }
  return { problems, figures: { debouncedAway: events.length - runs.length } };
}
