import { type Evidence, eventsOf, type Finding, runsOf } from "../evidence.ts";
import { GATED, KINDS } from "../kinds.ts";

/** An event starts at most one run, and exactly one when it was accepted and no gate may have dropped it. */
export function judgeEvents(evidence: Evidence): Finding {
  const problems: string[] = [];
  for (const kind of KINDS) {
    const runs = Map.groupBy(runsOf(evidence, kind), (run) => run.event.data.n);
    for (const { n, acceptedAtMs } of eventsOf(evidence, kind)) {
      const count = runs.get(n)?.length ?? 0;
      if (count > 1) problems.push(`event ${n} (${kind}) started ${count} runs`);
      if (count === 0 && acceptedAtMs !== null && !GATED.has(kind))
        problems.push(`event ${n} (${kind}) was accepted and started no run`);
    }
  }
  const sent = [...evidence.sent.values()];
  const accepted = sent.filter((event) => event.acceptedAtMs !== null).length;
  return { problems, figures: { accepted, withoutAnswer: sent.length - accepted } };
}
