import { type Evidence, executionsOf, type Finding, runsOf } from "../evidence.ts";
import { LIMIT_PER_KEY } from "../kinds.ts";

/** Within one life of the engine, no key has more steps running than its limit; a killed one's calls may linger on. */
export function judgeConcurrency(evidence: Evidence): Finding {
  const problems: string[] = [];
  const keyOf = new Map(runsOf(evidence, "limited").map((run) => [run.id, run.event.data.key ?? ""]));
  const lives = evidence.kills.filter((kill) => kill.victims.includes("engine")).map((kill) => kill.atMs);
  const lifeOf = (ms: number) => lives.filter((at) => at <= ms).length;
  const held = executionsOf(evidence).filter((one) => keyOf.has(one.run) && one.endMs !== null);
  for (const [name, all] of Map.groupBy(held, (one) => `${keyOf.get(one.run)} ${lifeOf(one.askedAtMs)}`)) {
    const edges = all.flatMap((one) => [
      { atMs: one.startMs, by: 1 },
      { atMs: one.endMs as number, by: -1 },
    ]);
    let running = 0;
    for (const edge of edges.sort((a, b) => a.atMs - b.atMs || a.by - b.by)) {
      running += edge.by;
      if (running > LIMIT_PER_KEY) {
        problems.push(`key ${name} (key, life of the engine) had ${running} steps running`);
        break;
      }
    }
  }
  return { problems, figures: {} };
}
