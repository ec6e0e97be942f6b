/** Any operation of any provider as a source of a field. */
import type { Target } from "#db/queries/field-values.ts";
import type { Deps } from "#src/deps.ts";
import type { Gateway, LookupResult } from "#src/platform/gateway.ts";
import type { Source, SourceAnswer } from "./source.ts";

export interface AskProvider<Subject, Body, Value> {
  provider: string;
  /** The operation, such as `(deps) => deps.providers.hunter?.findEmail`; undefined: the provider is not in use. */
  operation: (deps: Deps) => Gateway<Subject, Body> | undefined;
  /** What to ask about this prospect; null: there is nothing to ask with, and the source passes. */
  subject: (target: Target, now: Date) => Subject | null;
  /** The value in an answer, with its confidence. */
  pick: (body: Body, target: Target) => Picked<Value>;
}

/**
 * Null: the answer says nothing usable, which counts as not found. `problem`: it cannot be read, and asking again today
 * brings the same.
 */
export type Picked<Value> = { value: Value; confidencePct: number } | { problem: string } | null;

/** A source that asks one operation of a provider, through its gateway. */
export function askProvider<Subject, Body, Value>({
  provider,
  operation,
  subject,
  pick,
}: AskProvider<Subject, Body, Value>): Source<Value> {
  return {
    provider,
    priceMicros: (deps) => operation(deps)?.operation.price.costMicros ?? 0,
    inUse: (deps) => operation(deps) !== undefined,
    perSecond(deps) {
      const { limit, batchSize } = operation(deps)?.operation ?? { limit: { windows: [] }, batchSize: 1 };
      const rates = limit.windows.map((window) => (window.limit * 1_000 * batchSize) / window.periodMs);
      return rates.length === 0 ? null : Math.min(...rates);
    },
    async ask(deps, { workspaceId, jobId, field, priority = 0 }, targets) {
      const gateway = operation(deps);
      const lookups = targets.flatMap((target) => {
        const about = gateway ? subject(target, deps.now()) : null;
        return about === null ? [] : [{ prospectId: target.id, subject: about }];
      });
      const context = { workspaceId, jobId, field, priority: priority > 0 ? -1 : 0 };
      const results =
        gateway && lookups.length > 0 ? await gateway.lookup(context, lookups) : new Map<string, never>();
      const asked = new Set(lookups.map(({ prospectId }) => prospectId));
      return new Map(
        targets.map((target): [string, SourceAnswer<Value>] => {
          const result = results.get(target.id);
          if (!asked.has(target.id)) return [target.id, { status: "passed" }];
          return [target.id, result ? toAnswer(result, target, pick) : NO_ANSWER];
        }),
      );
    },
  };
}

const NO_ANSWER = { status: "failed", code: "no_answer", retryable: true } as const;

function toAnswer<Body, Value>(
  result: LookupResult<Body>,
  target: Target,
  pick: AskProvider<never, Body, Value>["pick"],
): SourceAnswer<Value> {
  switch (result.status) {
    case "found": {
      const { body, snapshotId, observedAt, costMicros } = result;
      const picked = pick(body, target);
      if (picked && "problem" in picked) return { status: "failed", code: picked.problem, retryable: false };
      return picked
        ? { status: "found", ...picked, snapshotId, observedAt, costMicros }
        : { status: "notFound", snapshotId, observedAt, costMicros };
    }
    case "notFound":
      return result;
    case "missing":
      return { status: "failed", code: "missing_from_answer", retryable: true };
    case "failed":
      return { status: "failed", code: result.code, retryable: false };
    case "unknown":
      return { status: "failed", code: "outcome_unknown", retryable: false };
    case "overBudget":
      return { status: "failed", code: `over_budget_${result.scope}`, retryable: false, notAsked: true };
    case "paused":
      return result;
    case "unavailable":
      // Credit does not come back while we wait; a breaker closes.
      return result.reason === "spent" || result.reason === "unauthorized"
        ? { status: "failed", code: `provider_${result.reason}`, retryable: false, notAsked: true }
        : { status: "unavailable" };
  }
}
