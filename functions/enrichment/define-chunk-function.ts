/**
 * The frame of every function that works on a chunk: `enrichment/field.requested` in -> its work in steps ->
 * what may start next is outboxed. A repeat is harmless: the work is fenced by attempt and run, and a step that
 * runs twice finds what the first time wrote.
 */
import type { GetStepTools, Inngest, InngestFunction } from "inngest";
import type { WorkKey } from "#db/queries/chunk-work.ts";
import type { Deps } from "#src/deps.ts";
import { type FieldRequest, fieldRequested } from "#src/events/enrichment.ts";
import { afterFailure, type RunnablePlan } from "#src/platform/chunk-work.ts";
import type { Failure } from "../failure.ts";

export type StepTools = GetStepTools<Inngest>;

/** Limits as Inngest declares them, visible in its dashboard. */
export interface Limits {
  /** Chunks worked on at once, by all replicas. */
  concurrency: number;
  /** Runs that may start in a period, such as `{ limit: 1, period: "1s" }`. */
  throttle?: { limit: number; period: `${number}s` | `${number}m` };
  /** Retries of a step, after its first attempt. */
  retries: 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
}

export interface ChunkFunction extends Limits {
  /** Id of the field or stage, of its function and of its line in the plan. Never changed once deployed. */
  id: string;
  /**
   * The work on one chunk, in steps: the first transaction begins it, the last one finishes it. What it returns is shown
   * in the dashboard: ids and counts only. False: it is not, or no longer, this run's, or waits for a pause to be lifted.
   */
  work: (
    deps: Deps,
    run: ChunkRun,
    step: StepTools,
    plan: RunnablePlan,
  ) => Promise<Record<string, number> | false>;
}

/** Which work, and the event that has asked for it; undefined: none did. */
export interface ChunkRun {
  key: WorkKey;
  eventId: string | undefined;
}

export function createChunkFunction(
  deps: Deps,
  plan: RunnablePlan,
  definition: ChunkFunction,
): InngestFunction.Any {
  const { id, concurrency, throttle, retries } = definition;
  return deps.inngest.createFunction(
    {
      id,
      triggers: [{ event: fieldRequested, if: `event.data.field == '${id}'` }],
      concurrency,
      // A throttle is a provider's limit: it goes where those go.
      ...(throttle && deps.config.PROVIDER_LIMITS === "on" ? { throttle } : {}),
      retries,
      // Steps are told to the engine a few at a time. One that it has not heard of runs again after a crash, which is
      // harmless: what has been done is known in Postgres.
      checkpointing: { bufferedSteps: 10, maxInterval: "5s" },
      // What somebody waits for goes first.
      priority: { run: "event.data.priority" },
      onFailure: async ({ event, error, step }: Failure<FieldRequest>) => {
        const request = event.data.event.data;
        // Inngest names what it will not retry, whatever was thrown.
        const lasting = error.name === "NonRetriableError";
        await step.run("request-again-or-fail", () =>
          afterFailure(deps, plan, request, { code: "run_failed", message: error.message, lasting }),
        );
      },
    },
    async ({ event, step, runId }) => {
      const key: WorkKey = { ...event.data, runId };
      const result = await definition.work(deps, { key, eventId: event.id }, step, plan);
      return result ? { status: "done", ...result } : { status: "left" };
    },
  );
}
