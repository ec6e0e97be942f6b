/** Who wants to know what in a lookup, and what each has got so far. */
import type { StoredAnswer } from "#db/queries/snapshots.ts";
import { BreakerOpenError } from "../breaker.ts";
import type { Lookup, LookupResult } from "../gateway.ts";
import { ProviderError } from "../provider-error.ts";
import type { Question, Reservation } from "./reserve.ts";
import type { CallResult } from "./run-calls.ts";

export interface ResultBook<Subject, Body> {
  /** By prospect. */
  readonly results: Map<string, LookupResult<Body>>;
  /** Names of all subjects, each once. */
  keys(): string[];
  questions(keys: readonly string[]): Question[];
  subjects(questions: readonly Question[]): Subject[];
  note(keys: readonly string[], result: LookupResult<Body>): void;
  /** What was known without asking. */
  noteKnown(reservation: Reservation): void;
  /** What calls have brought. Returns what is still open: somebody else's by now, or failed in a way that may pass. */
  noteCalls(results: readonly CallResult[]): {
    answered: boolean;
    busy: string[];
    failed: { keys: string[]; error: unknown }[];
  };
}

export function createResultBook<Subject, Body>(
  keyOf: (subject: Subject) => string,
  lookups: readonly Lookup<Subject>[],
): ResultBook<Subject, Body> {
  const wanted = new Map<string, { subject: Subject; prospectIds: [string, ...string[]] }>();
  for (const { prospectId, subject } of lookups) {
    const key = keyOf(subject);
    const same = wanted.get(key);
    if (same) same.prospectIds.push(prospectId);
    else wanted.set(key, { subject, prospectIds: [prospectId] });
  }
  const results = new Map<string, LookupResult<Body>>();

  const note = (keys: readonly string[], result: LookupResult<Body>) => {
    for (const key of keys) {
      for (const prospectId of wanted.get(key)?.prospectIds ?? []) results.set(prospectId, result);
    }
  };
  /** `own`: this job's field has paid for it; but only for the prospect that it was asked for. */
  const noteAnswer = (answer: StoredAnswer, own: boolean) => {
    const { snapshotId, observedAt } = answer;
    for (const prospectId of wanted.get(answer.subject)?.prospectIds ?? []) {
      const costMicros = own && answer.prospectId === prospectId ? answer.costMicros : 0;
      const told = { snapshotId, observedAt, costMicros };
      results.set(
        prospectId,
        answer.status === "found"
          ? { status: "found", body: answer.body as Body, ...told }
          : { status: "notFound", ...told },
      );
    }
  };

  return {
    results,
    keys: () => [...wanted.keys()],
    questions: (keys) =>
      keys.flatMap((subject) => {
        const prospectId = wanted.get(subject)?.prospectIds[0];
        return prospectId === undefined ? [] : [{ subject, prospectId }];
      }),
    subjects: (questions) =>
      questions.flatMap(({ subject }) => wanted.get(subject) ?? []).map((it) => it.subject),
    note,
    noteKnown({ known, unknown }) {
      for (const { own, ...answer } of known) noteAnswer(answer, own);
      note(unknown, { status: "unknown" });
    },
    noteCalls(called) {
      const open = {
        answered: false,
        busy: [] as string[],
        failed: [] as { keys: string[]; error: unknown }[],
      };
      for (const result of called) {
        const keys = result.call.questions.map(({ subject }) => subject);
        if (result.kind === "superseded") open.busy.push(...keys);
        else if (result.kind === "settled") {
          open.answered = true;
          note(keys, { status: "missing" });
          for (const answer of result.answers) noteAnswer(answer, true);
        } else {
          const end = lastingEnd<Body>(result);
          if (end) note(keys, end);
          else open.failed.push({ keys, error: result.error });
        }
      }
      return open;
    },
  };
}

/** What a failure is to its subjects; null: it may pass. */
function lastingEnd<Body>({ status, error }: CallResult & { kind: "failed" }): LookupResult<Body> | null {
  if (status !== "failed") return { status: "unknown" };
  if (error instanceof BreakerOpenError) {
    return { status: "unavailable", reason: "breaker_open", retryAfterMs: error.retryAfterMs };
  }
  if (!(error instanceof ProviderError)) return null;
  const { kind, retryAfterMs = 0 } = error;
  switch (kind) {
    case "spent":
    case "unauthorized":
      return { status: "unavailable", reason: kind, retryAfterMs };
    case "rejected":
    case "not_found":
    case "bad_response":
      return { status: "failed", code: kind };
    default:
      return null;
  }
}
