import { decodeTime } from "ulid";
import { APP_ID, ATTEMPTS, CHILDREN, KINDS, type Kind, LIMIT_PER_KEY, STARTS_PER_SECOND } from "./kinds.ts";
import type { Fact } from "./ledger.ts";
import type { Sent } from "./load.ts";
import type { Kill } from "./world.ts";

/** A run as the engine's tables have it at the end. */
export interface RunRow {
  id: string;
  slug: string;
  status: number;
  output: string | null;
  ended_at_ms: number | null;
  parent_run_id: string | null;
  event: { data: { n?: number; key?: string; run_id?: string } };
}

export interface StepRow {
  run_id: string;
  step_id: string;
  name: string;
  memo: string | null;
  at_ms: number;
}

export interface Evidence {
  sent: ReadonlyMap<number, Sent>;
  facts: readonly Fact[];
  kills: readonly Kill[];
  runs: readonly RunRow[];
  steps: readonly StepRow[];
  /** Ended runs as they were seen between the rounds: run id to status, output and end. */
  seenEnded: ReadonlyMap<string, string>;
}

export interface Verdict {
  problems: string[];
  figures: {
    accepted: number;
    withoutAnswer: number;
    runs: number;
    executions: number;
    /** Executions of a step beyond its first as the same attempt, each explained by a kill. */
    repeatedAroundKills: number;
    kills: number;
  };
}

interface Execution {
  run: string;
  step: string;
  attempt: number;
  mark: string;
  request: string;
  /** When the engine made the call that asked for it. */
  askedAtMs: number;
  startMs: number;
  endMs: number | null;
  threw: boolean;
}

/** Runs are told apart from their failure handlers and notaries by this. */
export const endOf = (run: RunRow): string => `${run.status} ${run.ended_at_ms} ${run.output}`;

/** Compares what the app noted with what the engine recorded. No problem means: nothing lost, nothing done twice. */
export function judge(evidence: Evidence): Verdict {
  const problems: string[] = [];
  const executions = readExecutions(evidence.facts);
  const bySlug = Map.groupBy(evidence.runs, (run) => run.slug);
  judgeEvents(evidence, bySlug, problems);
  judgeEnds(evidence, bySlug, problems);
  const repeatedAroundKills = judgeSteps(evidence, executions, problems);
  judgeSeen(evidence, executions, problems);
  judgeCalls(evidence, executions, problems);
  judgeConcurrency(evidence, executions, problems);
  judgeThrottle(evidence, problems);
  return {
    problems,
    figures: {
      accepted: [...evidence.sent.values()].filter((sent) => sent.accepted).length,
      withoutAnswer: [...evidence.sent.values()].filter((sent) => !sent.accepted).length,
      runs: evidence.runs.length,
      executions: executions.length,
      repeatedAroundKills,
      kills: evidence.kills.reduce((sum, kill) => sum + kill.victims.length, 0),
    },
  };
}

function judgeEvents({ sent }: Evidence, bySlug: Map<string, RunRow[]>, problems: string[]): void {
  for (const kind of KINDS) {
    const runs = Map.groupBy(bySlug.get(`${APP_ID}-${kind}`) ?? [], (run) => run.event.data.n);
    for (const [n, event] of sent) {
      if (event.kind !== kind) continue;
      const count = runs.get(n)?.length ?? 0;
      if (count > 1) problems.push(`event ${n} (${kind}) started ${count} runs`);
      if (count === 0 && event.accepted)
        problems.push(`event ${n} (${kind}) was accepted and started no run`);
    }
  }
}

function judgeEnds({ runs, seenEnded }: Evidence, bySlug: Map<string, RunRow[]>, problems: string[]): void {
  const of = (name: string) => bySlug.get(`${APP_ID}-${name}`) ?? [];
  const children = Map.groupBy(of("child"), (run) => run.parent_run_id);
  const mourners = Map.groupBy(of("doomed-failure"), (run) => run.event.data.run_id);
  const notes = Map.groupBy(of("notary"), (run) => run.event.data.run_id);
  for (const run of runs) {
    const wanted = run.slug === `${APP_ID}-doomed` ? 2 : 1;
    if (run.status !== wanted)
      problems.push(`run ${run.id} (${run.slug}) ended with status ${run.status}: ${run.output}`);
    const seen = seenEnded.get(run.id);
    if (seen !== undefined && seen !== endOf(run))
      problems.push(`run ${run.id} ended twice: ${seen}, then ${endOf(run)}`);
    if (run.slug === `${APP_ID}-notary`) continue;
    const told = notes.get(run.id)?.length ?? 0;
    if (told !== 1) problems.push(`the end of run ${run.id} (${run.slug}) was announced ${told} times`);
  }
  const known = new Set(runs.map((run) => run.id));
  for (const id of seenEnded.keys()) if (!known.has(id)) problems.push(`run ${id} had ended and is gone`);
  for (const { id } of of("parent")) {
    const count = children.get(id)?.length ?? 0;
    if (count !== CHILDREN) problems.push(`run ${id} has ${count} children`);
  }
  for (const { id } of of("doomed")) {
    const count = mourners.get(id)?.length ?? 0;
    if (count !== 1) problems.push(`the failure handler of run ${id} was started ${count} times`);
  }
}

/** A step runs again only when a kill kept the engine from recording its result, and never once that is recorded. */
function judgeSteps({ steps, runs, kills }: Evidence, executions: Execution[], problems: string[]): number {
  const recorded = new Map(
    steps.filter((step) => step.memo !== null).map((step) => [`${step.run_id} ${step.name}`, step]),
  );
  const runOf = new Map(runs.map((run) => [run.id, run]));
  let repeated = 0;
  for (const [name, all] of Map.groupBy(executions, (one) => `${one.run} ${one.step}`)) {
    const run = runOf.get(all[0]?.run ?? "");
    const memo = recorded.get(name);
    if (!run) {
      problems.push(`step ${name} ran for a run that is not there`);
      continue;
    }
    if (!memo) problems.push(`step ${name} ran ${all.length} times and has no result`);
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
      repeated += 1;
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
    if (result !== undefined && run.status === 1 && !run.output?.includes(result))
      problems.push(`run ${run.id} ended with another result of ${name} than the recorded`);
  }
  return repeated;
}

/** A result that the function went on with was recorded before, so it stands: no other takes its place. */
function judgeSeen({ facts, steps }: Evidence, executions: Execution[], problems: string[]): void {
  const memos = new Map(steps.map((step) => [`${step.run_id} ${step.name}`, step.memo]));
  const byMark = new Map(executions.map((one) => [one.mark, one]));
  const seen = new Set(facts.flatMap((fact) => (fact.kind === "start" ? fact.seen : [])));
  for (const mark of seen) {
    const one = byMark.get(mark);
    if (!one) problems.push(`a result was seen that no step returned: ${mark}`);
    else if (!memos.get(`${one.run} ${one.step}`)?.includes(mark))
      problems.push(`step ${one.run} ${one.step} ran again after its function had gone on with its result`);
  }
}

/** What a call once carried as done, every later call of its run carries, too, and no later call runs it. */
function judgeCalls({ facts, steps }: Evidence, executions: Execution[], problems: string[]): void {
  const idOf = new Map(steps.map((step) => [`${step.run_id} ${step.name}`, step.step_id]));
  const calls = facts.filter((fact) => fact.kind === "call");
  for (const [run, all] of Map.groupBy(calls, (call) => call.run)) {
    const done = new Set<string>();
    const ran = Map.groupBy(executions.filter((one) => one.run === run).slice(), (one) => one.request);
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
}

/** Within one life of the engine, no key has more steps running than its limit; a killed one's calls may linger on. */
function judgeConcurrency({ runs, kills }: Evidence, executions: Execution[], problems: string[]): void {
  const keyOf = new Map(
    runs.filter((run) => run.slug === `${APP_ID}-limited`).map((run) => [run.id, run.event.data.key ?? ""]),
  );
  const lives = kills.filter((kill) => kill.victims.includes("engine")).map((kill) => kill.atMs);
  const lifeOf = (ms: number) => lives.filter((at) => at <= ms).length;
  const held = executions.filter((one) => keyOf.has(one.run) && one.endMs !== null);
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
}

/** Longer than the engine waits before it calls an app again that it could not reach (2 s at most). */
const REPEATS_FOR_MS = 3_000;

/**
 * No key starts more runs in any second than its throttle allows; what counts is the first call of a run that the
 * app saw. While the app or the engine was away that may be the repeat of a start that was in time and not seen,
 * and repeats take no turn: such runs are left out.
 */
function judgeThrottle({ runs, facts, kills }: Evidence, problems: string[]): void {
  const mayRepeat = (atMs: number) =>
    kills.some(
      (kill) =>
        kill.victims.some((victim) => victim !== "postgres") &&
        atMs >= kill.atMs &&
        atMs <= kill.upMs + REPEATS_FOR_MS,
    );
  const keyOf = new Map(
    runs.filter((run) => run.slug === `${APP_ID}-throttled`).map((run) => [run.id, run.event.data.key ?? ""]),
  );
  const firstCall = new Map<string, number>();
  for (const fact of facts) {
    if (fact.kind !== "call" || !keyOf.has(fact.run)) continue;
    const askedAtMs = decodeTime(fact.request);
    firstCall.set(fact.run, Math.min(askedAtMs, firstCall.get(fact.run) ?? askedAtMs));
  }
  for (const [key, starts] of Map.groupBy(firstCall, ([run]) => keyOf.get(run))) {
    const sorted = starts
      .map(([, atMs]) => atMs)
      .filter((atMs) => !mayRepeat(atMs))
      .sort((a, b) => a - b);
    const most = Math.max(
      0,
      ...sorted.map((from) => sorted.filter((at) => at >= from && at < from + 1_000).length),
    );
    // One more fits when the commit before a call took its time, and the next did not.
    if (most > STARTS_PER_SECOND + 1)
      problems.push(`key ${key} started ${most} throttled runs within a second`);
  }
}

function readExecutions(facts: readonly Fact[]): Execution[] {
  const ends = new Map(
    facts.flatMap((fact) => ("mark" in fact && fact.kind !== "start" ? [[fact.mark, fact]] : [])),
  );
  return facts.flatMap((fact) => {
    if (fact.kind !== "start") return [];
    const { run, step, attempt, mark, request, atMs } = fact;
    const end = ends.get(mark);
    return [
      {
        ...{ run, step, attempt, mark, request },
        askedAtMs: decodeTime(request),
        startMs: atMs,
        endMs: end?.atMs ?? null,
        threw: end?.kind === "threw",
      },
    ];
  });
}
