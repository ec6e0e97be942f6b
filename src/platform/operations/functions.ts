/** The functions of this release: what they declare, and how they stand in a workspace. */
import type { InngestFunction } from "inngest";
import type { Tx } from "#db/client.ts";
import { chunkFunctionFigures, type FunctionFigures, waitingEvents } from "#db/queries/function-figures.ts";
import { listPauses } from "#db/queries/pauses.ts";

export interface FunctionState {
  id: string;
  /** Runs at once, by all replicas; null: as many as come. */
  concurrency: number | null;
  throttle: { limit: number; period: string } | null;
  retries: number | null;
  /** The pause that keeps it from beginning; null: none does. */
  pausedBy: string | null;
  /** Chunks, or events, that wait for it. */
  waiting: number;
  /** Null, as are those after it, for a function that works on no chunk: our tables do not tell. */
  running: number | null;
  failed: number | null;
  lastError: FunctionFigures["lastError"];
}

/** More pauses at once than anybody will have. */
const MAX_PAUSES = 1_000;

/** Whether it works for one workspace at a time, by an event: what only a clock starts works for all of them. */
export const isPausable = ({ opts }: InngestFunction.Any): boolean =>
  ((opts.triggers ?? []) as object[]).some((trigger) => "event" in trigger);

export const idOf = (fn: InngestFunction.Any): string => fn.id();

/** @param chunkFunctions ids of those that work on chunks */
export async function functionStates(
  tx: Tx,
  functions: readonly InngestFunction.Any[],
  chunkFunctions: ReadonlySet<string>,
): Promise<FunctionState[]> {
  const pauses = await listPauses(tx, { active: true, beforeId: null, limit: MAX_PAUSES });
  const figures = new Map((await chunkFunctionFigures(tx)).map((each) => [each.id, each]));
  const events = await waitingEvents(tx);
  return functions.map((fn) => {
    const id = idOf(fn);
    const pause = isPausable(fn)
      ? pauses.find(({ kind, target }) => kind === "workspace" || (kind === "function" && target === id))
      : undefined;
    const own = figures.get(id) ?? { waiting: 0, running: 0, failed: 0, lastError: null };
    const { waiting, running, failed, lastError } = own;
    return {
      id,
      ...declared(fn),
      pausedBy: pause?.id ?? null,
      ...(chunkFunctions.has(id)
        ? { waiting, running, failed, lastError }
        : { waiting: eventsOf(fn, events), running: null, failed: null, lastError: null }),
    };
  });
}

function declared({
  opts,
}: InngestFunction.Any): Pick<FunctionState, "concurrency" | "throttle" | "retries"> {
  const { concurrency, throttle, retries } = opts;
  return {
    concurrency: overall(concurrency),
    throttle: throttle ? { limit: throttle.limit, period: String(throttle.period) } : null,
    retries: retries ?? null,
  };
}

/** Of a number, or of limits of which those with a key hold for a part of the runs only. */
function overall(concurrency: InngestFunction.Any["opts"]["concurrency"]): number | null {
  if (typeof concurrency === "number") return concurrency;
  const limits = [concurrency ?? []].flat();
  return limits.find(({ key }) => key === undefined)?.limit ?? null;
}

/** Events in the outbox that would start it. */
function eventsOf({ opts }: InngestFunction.Any, waiting: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const { event } of (opts.triggers ?? []) as { event?: string | { name?: string } }[]) {
    const name = typeof event === "string" ? event : event?.name;
    sum += waiting.get(name ?? "") ?? 0;
  }
  return sum;
}
