import { type Evidence, eventsOf, type Finding, runsOf } from "../evidence.ts";
import { BATCHES } from "../kinds.ts";

/**
 * Every accepted event is in exactly one run of each batching function, none in two; no run has more events than
 * its function allows or events of several keys, and all of its calls are for the same events.
 */
export function judgeBatches(evidence: Evidence): Finding {
  const problems: string[] = [];
  const events = eventsOf(evidence, "batched");
  const calls = Map.groupBy(
    evidence.facts.filter((fact) => fact.kind === "call"),
    (call) => call.run,
  );
  let batches = 0;
  for (const [name, { maxSize, keyed }] of Object.entries(BATCHES)) {
    const runsWith = new Map<number, string[]>();
    for (const { id } of runsOf(evidence, name)) {
      batches += 1;
      const [first, ...more] = (calls.get(id) ?? []).map((call) => call.events);
      const batch = first ?? [];
      const other = more.find((again) => again.join() !== batch.join());
      if (other) problems.push(`run ${id} (${name}) was called for the events ${batch}, then for ${other}`);
      if (batch.length > maxSize) problems.push(`run ${id} (${name}) has ${batch.length} events`);
      const keys = new Set(batch.map((n) => evidence.sent.get(n)?.key));
      if (keyed && keys.size > 1) problems.push(`run ${id} (${name}) has events of the keys ${[...keys]}`);
      for (const n of batch) runsWith.set(n, [...(runsWith.get(n) ?? []), id]);
    }
    for (const { n, acceptedAtMs } of events) {
      const runs = runsWith.get(n) ?? [];
      if (runs.length > 1) problems.push(`event ${n} is in ${runs.length} batches of ${name}: ${runs}`);
      if (runs.length === 0 && acceptedAtMs !== null)
        problems.push(`event ${n} was accepted and is in no batch of ${name}`);
    }
    const foreign = [...runsWith.keys()].filter((n) => evidence.sent.get(n)?.kind !== "batched");
    if (foreign.length > 0) problems.push(`${name} has events that are not its own: ${foreign}`);
  }
  return { problems, figures: { batches } };
}
