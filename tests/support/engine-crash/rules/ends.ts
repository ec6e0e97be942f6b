import { type Evidence, endOf, type Finding, runsOf } from "../evidence.ts";
import { APP_ID, CHILDREN, ENDS, type Kind, STATUS } from "../kinds.ts";

/** Every run ends once, as its kind may, and that is announced once. */
export function judgeEnds(evidence: Evidence): Finding {
  const problems: string[] = [];
  const { runs, seenEnded } = evidence;
  const children = Map.groupBy(runsOf(evidence, "child"), (run) => run.parent_run_id);
  const mourners = Map.groupBy(runsOf(evidence, "doomed-failure"), (run) => run.event.data.run_id);
  const notes = Map.groupBy(runsOf(evidence, "notary"), (run) => run.event.data.run_id);
  for (const run of runs) {
    const allowed = ENDS[run.slug.slice(APP_ID.length + 1) as Kind] ?? [STATUS.completed];
    if (!allowed.includes(run.status))
      problems.push(`run ${run.id} (${run.slug}) ended with status ${run.status}: ${run.output}`);
    const seen = seenEnded.get(run.id);
    if (seen !== undefined && seen !== endOf(run))
      problems.push(`run ${run.id} ended twice: ${seen}, then ${endOf(run)}`);
    // Nothing tells of the end of a run that was itself started by another's end.
    const wanted = run.event.data.run_id === undefined ? 1 : 0;
    const told = notes.get(run.id)?.length ?? 0;
    if (told !== wanted) problems.push(`the end of run ${run.id} (${run.slug}) was announced ${told} times`);
  }
  const known = new Set(runs.map((run) => run.id));
  for (const id of seenEnded.keys()) if (!known.has(id)) problems.push(`run ${id} had ended and is gone`);
  for (const { id } of runsOf(evidence, "parent")) {
    const count = children.get(id)?.length ?? 0;
    if (count !== CHILDREN) problems.push(`run ${id} has ${count} children`);
  }
  for (const { id } of runsOf(evidence, "doomed")) {
    const count = mourners.get(id)?.length ?? 0;
    if (count !== 1) problems.push(`the failure handler of run ${id} was started ${count} times`);
  }
  return { problems, figures: { runs: runs.length } };
}
