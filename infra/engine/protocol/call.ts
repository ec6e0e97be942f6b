import type { RunState } from "../state/run-state.ts";
import type { FunctionSpec } from "./functions.ts";
import { newId } from "./ids.ts";

/** Above this many bytes of events and steps, the app fetches them from us instead (`use_api`). */
const MAX_INLINE_BYTES = 3 * 1024 * 1024;

/** A call to the app, ready to be sent. */
export interface Call {
  url: string;
  body: string;
  headers: Record<string, string>;
  requestId: string;
}

export interface CallFacts {
  fn: FunctionSpec;
  run: RunState;
  jobId: string;
  /** The planned step to run, or null to let the function go on. */
  stepId: string | null;
  attempt: number;
  /** How many times this job has been sent, from 1. */
  generation: number;
  nowMs: number;
}

/** The id by which checkpoints name the queue item: the job id in base64, as a real server makes it. */
export function queueItemId(jobId: string): string {
  return Buffer.from(`${jobId}::default`).toString("base64");
}

/** Builds the request that a real server sends for one step or one continuation of a run. */
export function buildCall(facts: CallFacts): Call {
  const { fn, run, jobId, stepId, nowMs } = facts;
  const requestId = newId(nowMs);
  const useApi = run.bytes > MAX_INLINE_BYTES;
  const { stack, steps } = run.carried();
  const ctx =
    `{"attempt":${facts.attempt},"disable_immediate_execution":${stepId !== null},"env":"","fn_id":"${fn.id}"` +
    `,"generation_id":${facts.generation},"job_id":"${jobId}","max_attempts":${fn.maxAttempts}` +
    `,"qi_id":"${queueItemId(jobId)}","request_id":"${requestId}","run_id":"${run.id}"` +
    `,"stack":{"current":${stack.length},"stack":${JSON.stringify(stack)}},"step_id":"step","use_api":${useApi}}`;
  const body =
    `{"ctx":${ctx},"defers":{},"event":${run.events[0] ?? "{}"},"events":[${useApi ? "" : run.events.join(",")}]` +
    `,"steps":${useApi ? "{}" : steps},"use_api":${useApi},"version":${run.version}}`;
  const headers = {
    "account-id": "00000000-0000-4000-a000-000000000000",
    "content-type": "application/json",
    "user-agent": "Inngest",
    "x-inngest-generation-id": String(facts.generation),
    "x-inngest-job-id": jobId,
    "x-inngest-req-version": String(run.version),
    "x-inngest-step-id": stepId ?? "step",
    "x-request-id": requestId,
    "x-run-id": run.id,
  };
  return { url: callUrl(fn.url, stepId), body, headers, requestId };
}

function callUrl(base: string, stepId: string | null): string {
  if (stepId === null) return base;
  const url = new URL(base);
  url.searchParams.set("stepId", stepId);
  return url.href;
}
