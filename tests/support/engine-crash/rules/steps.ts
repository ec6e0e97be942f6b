import { type Evidence, executionsOf, type Finding } from "../evidence.ts";
import { APP_ID, ATTEMPTS, type Kind, STATUS } from "../kinds.ts";

/** A step runs again only when a kill kept the engine from recording its result, and never once that is recorded. */
export function judgeSteps(evidence: Evidence): Finding {
  const problems: string[] = [];
  const { steps, runs, kills } = evidence;
  const executions = executionsOf(evidence);
  const recorded = new Map(
    steps.filter((step) => step.memo !== null).map((step) => [`${step.run_id} ${step.name}`, step]),
  );
  const runOf = new Map(runs.map((run) => [run.id, run]));
  let repeatedAroundKills = 0;
  for (const [name, all] of Map.groupBy(executions, (one) => `${one.run} ${one.step}`)) {
    const run = runOf.get(all[0]?.run ?? "");
    const memo = recorded.get(name);
    if (!run) {
      problems.push(`step ${name} ran for a run that is not there`);
      continue;
    }
    // What was under way when its run was cancelled ends in vain.
    if (!memo && run.status !== STATUS.cancelled)
      problems.push(`step ${name} ran ${all.length} times and has no result`);
    const attempts = ATTEMPTS[run.slug.slice(APP_ID.length + 1) as Kind] ?? 1;
    const made = new Set(all.map((one) => one.attempt));
    if (made.size !== attempts || Math.max(...made) !== attempts - 1)
      problems.push(`step ${name} made the attempts ${[...made]}, not ${attempts}`);
    for (const one of all) {
      if (memo && one.askedAtMs > memo.at_ms)
        problems.push(`step ${name} was asked for again after its result was recorded`);
      if (run.ended_at_ms !== null && one.askedAtMs > run.ended_at_ms)
        problems.push(`step ${name} was asked for after its run had ended`);
    }
    const sorted = all.sort((a, b) => a.askedAtMs - b.askedAtMs);
    for (const [index, again] of sorted.entries()) {
      const before = sorted[index - 1];
      if (!before) continue;
      if (again.attempt < before.attempt) problems.push(`step ${name} went back to attempt ${again.attempt}`);
      if (again.attempt !== before.attempt) continue;
      repeatedAroundKills += 1;
      // Without Postgres the engine only waits: that alone is no reason to run anything again.
      const why = kills.some(
        (kill) =>
          (kill.victims.includes("engine") || kill.victims.includes("app")) &&
          kill.deadMs >= before.askedAtMs &&
          kill.atMs <= again.askedAtMs,
      );
      if (!why) problems.push(`step ${name} ran twice with no kill of engine or app in between`);
    }
    const marks = new Set(all.filter((one) => !one.threw && one.endMs !== null).map((one) => one.mark));
    const result = memo?.memo?.match(/"data":"([0-9a-f-]{36})"/)?.[1];
    if (memo && result === undefined && run.slug !== `${APP_ID}-doomed`)
      problems.push(`step ${name} has the result ${memo.memo}`);
    if (result !== undefined && !marks.has(result))
      problems.push(`step ${name} has a result that nobody returned`);
    if (result !== undefined && run.status === STATUS.completed && !run.output?.includes(result))
      problems.push(`run ${run.id} ended with another result of ${name} than the recorded`);
  }
  return { problems, figures: { executions: executions.length, repeatedAroundKills } };
}

/** A result that the function went on with was recorded before, so it stands: no other takes its place. */
export function judgeSeen(evidence: Evidence): Finding {
  const problems: string[] = [];
  const memos = new Map(evidence.steps.map((step) => [`${step.run_id} ${step.name}`, step.memo]));
  const byMark = new Map(executionsOf(evidence).map((one) => [one.mark, one]));
  const seen = new Set(evidence.facts.flatMap((fact) => (fact.kind === "start" ? fact.seen : [])));
  for (const mark of seen) {
    const one = byMark.get(mark);
    if (!one) problems.push(`a result was seen that no step returned: ${mark}`);
    else if (!memos.get(`${one.run} ${one.step}`)?.includes(mark))
      problems.push(`step ${one.run} ${one.step} ran again after its function had gone on with its result`);
  }
  return { problems, figures: {} };
}

/** What a call once carried as done, every later call of its run carries, too, and no later call runs it. */
export function judgeCalls(evidence: Evidence): Finding {
  const problems: string[] = [];
  const idOf = new Map(evidence.steps.map((step) => [`${step.run_id} ${step.name}`, step.step_id]));
  const calls = evidence.facts.filter((fact) => fact.kind === "call");
  const executions = Map.groupBy(executionsOf(evidence), (one) => one.run);
  for (const [run, all] of Map.groupBy(calls, (call) => call.run)) {
    const done = new Set<string>();
    const ran = Map.groupBy(executions.get(run) ?? [], (one) => one.request);
    for (const call of all.sort((a, b) => (a.request < b.request ? -1 : 1))) {
      const carried = new Set(call.carried);
      for (const step of done)
        if (!carried.has(step)) problems.push(`run ${run} lost the result of step ${step}`);
      for (const step of carried) done.add(step);
      for (const one of ran.get(call.request) ?? [])
        if (done.has(idOf.get(`${run} ${one.step}`) ?? ""))
          problems.push(`run ${run} ran ${one.step} although it was done`);
    }
  }
  return { problems, figures: {} };
}
