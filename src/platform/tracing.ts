/**
 * One trace from a request of the API through its events to every step and provider call. Where a job is large, each
 * chunk has a trace of its own (its id is the chunk's), linked to the request: millions of spans in one are of no use.
 * Spans carry ids, names and counts: no subject, no address, no message of an error.
 */
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  type Link,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { Middleware } from "inngest";
import { AppError } from "#src/domain/errors.ts";

/** What events carry of the trace that they belong to, in `data.trace`. */
export interface EventTrace {
  /** W3C traceparent of the request that began it all. */
  parent: string;
  /** Each chunk has its own trace, with a link to that request. */
  each?: "chunk";
}

const FORWARDED = createContextKey("cerniq: the trace that outgoing events carry on");
/** Chunks of a job that still share one trace with the request. */
const CHUNKS_IN_ONE_TRACE = 10;

const tracer = () => trace.getTracer("cerniq");

/** What events that are written now have to carry: the trace of the run that writes them, or of the request. */
export function outgoingTrace(): EventTrace | undefined {
  const forwarded = context.active().getValue(FORWARDED) as EventTrace | undefined;
  if (forwarded) return forwarded;
  const span = trace.getActiveSpan()?.spanContext();
  if (!span || !trace.isSpanContextValid(span)) return undefined;
  return { parent: `00-${span.traceId}-${span.spanId}-0${span.traceFlags & TraceFlags.SAMPLED}` };
}

/** Runs what writes the events of a job's chunks, of which there are `chunks`. */
export function traceChunks<T>(chunks: number, work: () => T): T {
  const outgoing = outgoingTrace();
  if (!outgoing || chunks <= CHUNKS_IN_ONE_TRACE) return work();
  return context.with(context.active().setValue(FORWARDED, { ...outgoing, each: "chunk" }), work);
}

/** Runs `work` in a span; what it throws is told by its code alone. */
export function traced<T>(
  name: string,
  attributes: Attributes,
  work: () => Promise<T>,
  options: { kind?: SpanKind; links?: Link[] } = {},
): Promise<T> {
  return tracer().startActiveSpan(name, { attributes, ...options }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: codeOf(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Spans of the steps that run, within the trace that their event carries. */
export class Tracing extends Middleware.BaseMiddleware {
  readonly id = "tracing";

  override wrapStepHandler({ ctx, fn, stepInfo, next }: Middleware.WrapStepHandlerArgs): Promise<unknown> {
    const step = stepInfo.options.name ?? stepInfo.options.id;
    const attributes = { "inngest.function": fn.id(), "inngest.run_id": ctx.runId, "inngest.step": step };
    const carried = traceOf(ctx.event.data);
    const request = carried?.each ? spanContextOf(carried.parent) : null;
    const options = { kind: SpanKind.CONSUMER, links: request ? [{ context: request }] : [] };
    const run = () => traced(`${fn.id()} ${step}`, attributes, next, options);
    // Here and not around the whole function: the SDK runs steps from a place of its own.
    return carried ? context.with(contextOf(carried, ctx.event.data), run) : run();
  }
}

/** A failure's event holds the one that failed. */
function traceOf(data: unknown): EventTrace | undefined {
  const { trace: own, event } = (data ?? {}) as {
    trace?: EventTrace;
    event?: { data?: { trace?: EventTrace } };
  };
  const carried = own ?? event?.data?.trace;
  return carried && spanContextOf(carried.parent) ? carried : undefined;
}

function contextOf(carried: EventTrace, data: unknown): Context {
  const request = spanContextOf(carried.parent);
  if (!request) return context.active();
  const { chunkId } = (data ?? {}) as { chunkId?: string };
  const chunk = carried.each && chunkId?.replaceAll("-", "");
  const parent = chunk ? { ...request, traceId: chunk, spanId: chunk.slice(-16) } : request;
  return trace.setSpanContext(context.active().setValue(FORWARDED, carried), parent);
}

function spanContextOf(traceparent: string) {
  const [, traceId = "", spanId = "", flags = "00"] = String(traceparent).split("-");
  const parsed = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return trace.isSpanContextValid(parsed) ? parsed : null;
}

function codeOf(error: unknown): string {
  if (error instanceof AppError) return error.code;
  return error instanceof Error ? error.name : "unknown";
}
