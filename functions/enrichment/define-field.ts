/** One enrichment field -> one Inngest function that takes a chunk. See docs/adding-a-field.md. */
import type { z } from "zod";
import { giveBack, type RunnableField, type RunnablePlan } from "#src/platform/chunk-work.ts";
import { inNameOf } from "#src/platform/provider-accounts.ts";
import { askRound } from "./ask-round.ts";
import type { ChunkFunction, Limits } from "./define-chunk-function.ts";
import type { Source } from "./source.ts";

export interface FieldDefinition<Value extends Record<string, unknown>> extends Limits {
  id: string;
  /** What one prospect's value looks like; its keys are attributes of the golden record. */
  schema: z.ZodType<Value>;
  /** The waterfall: asked in this order (unless the plan lets it be learned) until one has found the value. */
  sources: readonly Source<Value>[];
}

export interface Field extends ChunkFunction {
  kind: "field";
  /** What the estimate of a job goes by. */
  sources: readonly Omit<Source<unknown>, "ask">[];
}

/** Those who failed in a way that may pass are asked again this often, as a smaller set. */
const ROUNDS = 3;
/**
 * How often a field comes back to a provider that could not be asked: waiting costs no retries, and a whole registry
 * takes ANAF eight hours, in which whoever has to stand back waits.
 */
const MAX_WAITS = 400;
/** Waits for the end of an outage grow up to this, or a third of the time in which work must be heard of. */
const LONGEST_WAIT_MS = 300_000;

export function defineField<Value extends Record<string, unknown>>(
  definition: FieldDefinition<Value>,
): Field {
  const { schema, sources, ...limits } = definition;
  return {
    kind: "field",
    ...limits,
    sources,
    async work(deps, { key, eventId }, step, plan) {
      const counts = { found: 0, notFound: 0, inReview: 0, failed: 0, ineligible: 0 };
      const line = lineOf(plan, definition.id);
      const longestMs = Math.min(LONGEST_WAIT_MS, deps.config.FIELD_DEADLINE_MS / 3);
      for (let ask = 1, waits = 0; ; ask++) {
        const last = { round: ask - waits >= ROUNDS, wait: waits === MAX_WAITS };
        const result = await step.run(`ask-${ask}`, async () => {
          const own = await inNameOf(deps, key.workspaceId);
          return askRound(own, { key, eventId, plan }, { schema, sources, line, last });
        });
        if (!result) return false;
        counts.found += result.found;
        counts.notFound += result.notFound;
        counts.inReview += result.inReview;
        counts.failed += result.failed;
        counts.ineligible = result.ineligible;
        const { next } = result;
        if (next.action === "end") return counts;
        if (next.action === "giveBack") {
          await step.run("give-back", () => giveBack(deps, key, next.pauseId));
          return false;
        }
        if (next.action === "wait") {
          waits += 1;
          const ms = next.for === "turn" ? next.ms : next.ms * waits;
          await step.sleep(`wait-${ask}`, Math.min(ms, longestMs));
        }
      }
    },
  };
}

function lineOf(plan: RunnablePlan, id: string): RunnableField {
  const line = plan.fields.find((field) => field.id === id);
  if (!line) throw new Error(`The plan has no field "${id}".`);
  return line;
}
