/** One enrichment field -> one Inngest function that takes a chunk. See docs/adding-a-field.md. */
import type { z } from "zod";
import type { WorkKey } from "#db/queries/chunk-work.ts";
import {
  type NewFieldValue,
  type Target,
  targetsOfField,
  writeFieldValues,
} from "#db/queries/field-values.ts";
import type { Deps } from "#src/deps.ts";
import { maskPersonalNumbersDeep } from "#src/domain/registry/personal-numbers.ts";
import { whileMine } from "#src/platform/chunk-work.ts";
import type { ChunkFunction, Limits } from "./define-chunk-function.ts";

/** What a source says of one prospect. */
export type SourceAnswer<Value> =
  | {
      status: "found";
      value: Value;
      confidencePct: number;
      snapshotId: string | null;
      observedAt: Date;
      costMicros?: number;
    }
  | { status: "notFound"; snapshotId: string | null; observedAt: Date; costMicros?: number }
  /** `retryable`: the next round asks again; in the last round the result stands. */
  | { status: "failed"; code: string; retryable: boolean };

/** Where a value can come from. A source that can ask for many at once does so. */
export interface Source<Value> {
  /** Name of the provider or register, kept as the value's provenance. */
  provider: string;
  /**
   * Asks for prospects of one chunk. Who is not in the answer counts as failed and is asked again.
   * @throws ProviderError when nothing could be had of anybody: the step is retried
   */
  ask: (
    deps: Deps,
    key: WorkKey,
    targets: readonly Target[],
  ) => Promise<ReadonlyMap<string, SourceAnswer<Value>>>;
}

export interface FieldDefinition<Value extends Record<string, unknown>> extends Limits {
  id: string;
  /** What one prospect's value looks like; its keys are attributes of the golden record. */
  schema: z.ZodType<Value>;
  /** The waterfall: asked in this order until one has found the value. */
  sources: readonly Source<Value>[];
}

export interface Field extends ChunkFunction {
  kind: "field";
}

/** Those who failed in a way that may pass are asked again this often, as a smaller set. */
const ROUNDS = 3;

export function defineField<Value extends Record<string, unknown>>(
  definition: FieldDefinition<Value>,
): Field {
  const { schema, sources, ...limits } = definition;
  return {
    kind: "field",
    ...limits,
    async work(deps, key, step, plan) {
      const freshMs = plan.freshMs.get(definition.id) ?? 0;
      const counts = { found: 0, notFound: 0, failed: 0 };
      for (let round = 1; round <= ROUNDS; round++) {
        const result = await step.run(`ask-${round}`, () =>
          askRound(deps, key, { schema, sources, freshMs, last: round === ROUNDS }),
        );
        counts.found += result.found;
        counts.notFound += result.notFound;
        counts.failed += result.failed;
        if (result.remaining === 0) break;
      }
      return counts;
    },
  };
}

interface Round<Value> {
  schema: z.ZodType<Value>;
  sources: readonly Source<Value>[];
  freshMs: number;
  last: boolean;
}

/** Asks the sources for everybody who has no value yet, and writes what they say as it comes. */
async function askRound<Value extends Record<string, unknown>>(
  deps: Deps,
  key: WorkKey,
  { schema, sources, freshMs, last }: Round<Value>,
): Promise<{ found: number; notFound: number; failed: number; remaining: number }> {
  // The deadline starts anew with each round, and with each retry of it.
  let open = await whileMine(deps, key, (tx) => targetsOfField(tx, key));
  const write = async (values: NewFieldValue[]) => {
    if (values.length > 0) await whileMine(deps, key, (tx) => writeFieldValues(tx, key, values));
    return values.length;
  };

  let found = 0;
  const unanswered = new Map<
    string,
    Exclude<SourceAnswer<Value>, { status: "found" }> & { source: string }
  >();
  for (const { provider, ask } of sources) {
    if (open.length === 0) break;
    const answers = await ask(deps, key, open);
    const values: NewFieldValue[] = [];
    const stillOpen: Target[] = [];
    for (const target of open) {
      const answer = checkAnswer(schema, answers.get(target.id));
      if (answer.status === "found") {
        values.push(toFieldValue(deps, target.id, provider, answer, freshMs));
      } else {
        stillOpen.push(target);
        // "Not found" by one source says more than the failure of another.
        if (unanswered.get(target.id)?.status !== "notFound")
          unanswered.set(target.id, { ...answer, source: provider });
      }
    }
    found += await write(values);
    open = stillOpen;
  }

  const settled = [...unanswered].filter(
    ([id, answer]) =>
      open.some((target) => target.id === id) && (last || answer.status === "notFound" || !answer.retryable),
  );
  await write(settled.map(([id, answer]) => toFieldValue(deps, id, answer.source, answer, freshMs)));
  const notFound = settled.filter(([, answer]) => answer.status === "notFound").length;
  return { found, notFound, failed: settled.length - notFound, remaining: open.length - settled.length };
}

/** Outside data: a value that does not fit its schema is no value, and no personal number passes. */
function checkAnswer<Value extends Record<string, unknown>>(
  schema: z.ZodType<Value>,
  answer: SourceAnswer<Value> | undefined,
): SourceAnswer<Value> {
  if (!answer) return { status: "failed", code: "no_answer", retryable: true };
  if (answer.status !== "found") return answer;
  const parsed = schema.safeParse(answer.value);
  if (!parsed.success) return { status: "failed", code: "bad_value", retryable: false };
  return { ...answer, value: maskPersonalNumbersDeep(parsed.data) };
}

function toFieldValue(
  deps: Deps,
  prospectId: string,
  source: string,
  answer: SourceAnswer<Record<string, unknown>>,
  freshMs: number,
): NewFieldValue {
  const observedAt = answer.status === "failed" ? deps.now() : answer.observedAt;
  return {
    prospectId,
    status: answer.status === "notFound" ? "not_found" : answer.status,
    value: answer.status === "found" ? answer.value : null,
    source,
    confidencePct: answer.status === "found" ? answer.confidencePct : null,
    costMicros: answer.status === "failed" ? 0 : (answer.costMicros ?? 0),
    snapshotId: answer.status === "failed" ? null : answer.snapshotId,
    errorCode: answer.status === "failed" ? answer.code : null,
    observedAt,
    // A failure is never fresh: the next job asks again.
    freshUntil: answer.status === "failed" ? observedAt : new Date(observedAt.getTime() + freshMs),
  };
}
