import {
  callsOf,
  type Evidence,
  eventsOf,
  executionsOf,
  type Finding,
  type RunRow,
  runsOf,
  surelyBefore,
} from "../evidence.ts";
import { STATUS } from "../kinds.ts";

/**
 * Of each key there is one run at a time. By the app's ledger: once one run was called, none before it is called
 * any more; and (mode skip) it begins to work when the work of those before it is done. Two things are no overlap,
 * because the engine cannot take them back: a call that was under way when its run was cancelled, and one that an
 * engine made which was then killed. Neither gives a result, so only executions whose result stands are looked at.
 *
 * Mode skip drops an event only while a run of its key goes on; mode cancel cancels a run only for a newer one.
 */
export function judgeSingletons(evidence: Evidence): Finding {
  const problems: string[] = [];
  const skipping = runsOf(evidence, "single-skip");
  const cancelling = runsOf(evidence, "single-cancel");
  for (const runs of [skipping, cancelling])
    for (const [key, ofKey] of Map.groupBy(runs, (run) => run.event.data.key))
      oneAtATime(evidence, `${runs[0]?.slug} ${key}`, ofKey, problems);
  const skipped = judgeSkipped(evidence, skipping, problems);
  const replaced = judgeCancelled(evidence, cancelling, problems);
  return { problems, figures: { skipped, replaced } };
}

function oneAtATime(evidence: Evidence, key: string, runs: RunRow[], problems: string[]): void {
  const calls = callsOf(evidence);
  const memos = new Set(
    evidence.steps.flatMap(({ run_id, memo }) => {
      const mark = memo?.match(/"data":"([0-9a-f-]{36})"/)?.[1];
      return mark === undefined ? [] : [`${run_id} ${mark}`];
    }),
  );
  const executions = Map.groupBy(executionsOf(evidence), (one) => one.run);
  const called = runs
    .filter((run) => calls.has(run.id))
    .map((run) => {
      const asked = calls.get(run.id) as number[];
      const ran = executions.get(run.id) ?? [];
      const counts = ran.filter((one) => memos.has(`${run.id} ${one.mark}`));
      return {
        run,
        firstCallMs: asked[0] as number,
        lastCallMs: asked.at(-1) as number,
        worksFromMs: Math.min(...ran.map((one) => one.startMs)),
        worksUntilMs: Math.max(...counts.map((one) => one.endMs ?? Number.NEGATIVE_INFINITY)),
      };
    })
    .sort((a, b) => a.firstCallMs - b.firstCallMs);
  for (const [index, later] of called.entries())
    for (const earlier of called.slice(0, index)) {
      const overlap =
        earlier.lastCallMs > later.firstCallMs ||
        (earlier.run.status === STATUS.completed && earlier.worksUntilMs > later.worksFromMs);
      if (overlap) problems.push(`${key}: the runs ${earlier.run.id} and ${later.run.id} went on at once`);
    }
}

function judgeSkipped(evidence: Evidence, runs: RunRow[], problems: string[]): number {
  const ran = new Set(runs.map((run) => run.event.data.n));
  const skipped = eventsOf(evidence, "single-skip").filter(
    ({ n, acceptedAtMs }) => acceptedAtMs !== null && !ran.has(n),
  );
  for (const { n, ...event } of skipped) {
    const wasInTheWay = runs.some((run) => {
      const started = evidence.sent.get(run.event.data.n ?? -1);
      if (started?.key !== event.key || run.ended_at_ms === null) return false;
      return run.ended_at_ms >= event.sentAtMs && !surelyBefore(event, started);
    });
    if (!wasInTheWay) problems.push(`event ${n} was skipped although no run of key ${event.key} went on`);
  }
  return skipped.length;
}

function judgeCancelled(evidence: Evidence, runs: RunRow[], problems: string[]): number {
  const cancelled = runs.filter((run) => run.status === STATUS.cancelled);
  for (const run of cancelled) {
    const event = evidence.sent.get(run.event.data.n ?? -1);
    const hasNewer = runs.some((other) => {
      const newer = evidence.sent.get(other.event.data.n ?? -1);
      if (other === run || !event || newer?.key !== event.key) return false;
      return !surelyBefore(newer, event) && newer.sentAtMs <= (run.ended_at_ms ?? 0);
    });
    if (!hasNewer) problems.push(`run ${run.id} (${run.slug}) was cancelled although no newer one came`);
  }
  return cancelled.length;
}
