import { trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { Inngest, type Middleware } from "inngest";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { InvalidInputError } from "#src/domain/errors.ts";
import { type EventTrace, outgoingTrace, Tracing, traceChunks, traced } from "./tracing.ts";

const ended: ReadableSpan[] = [];
const sdk = new NodeSDK({
  spanProcessors: [
    {
      onStart: () => {},
      onEnd: (span) => ended.push(span),
      forceFlush: async () => {},
      shutdown: async () => {},
    },
  ],
  metricReaders: [],
  logRecordProcessors: [],
});
beforeAll(() => sdk.start());
afterAll(() => sdk.shutdown());
beforeEach(() => {
  ended.length = 0;
});

const CHUNK_ID = "0192f3c4-7d1e-7000-8000-0712345678ab";
const REQUEST = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** Runs a step of a function whose event carries a trace. Answers what events written in it would carry. */
async function stepOf(carried: EventTrace | undefined): Promise<EventTrace | undefined> {
  const tracing = new Tracing({ client: new Inngest({ id: "test" }) });
  let outgoing: EventTrace | undefined;
  await tracing.wrapStepHandler({
    ctx: { runId: "run-1", event: { data: { chunkId: CHUNK_ID, ...(carried ? { trace: carried } : {}) } } },
    fn: { id: () => "merge" },
    stepInfo: { options: { id: "begin" } },
    next: async () => {
      outgoing = outgoingTrace();
    },
  } as unknown as Middleware.WrapStepHandlerArgs);
  return outgoing;
}

describe("what events carry", () => {
  it("is the span of the request that writes them; nothing where there is none", async () => {
    expect(outgoingTrace()).toBeUndefined();
    await traced("request", {}, async () => {
      const span = trace.getActiveSpan()?.spanContext();
      expect(outgoingTrace()).toEqual({ parent: `00-${span?.traceId}-${span?.spanId}-01` });
    });
  });

  it("says that each chunk has its own trace where a job has many", async () => {
    await traced("request", {}, async () => {
      expect(traceChunks(10, outgoingTrace)).not.toHaveProperty("each");
      expect(traceChunks(11, outgoingTrace)).toMatchObject({ each: "chunk" });
    });
  });

  it("goes on from run to run unchanged", async () => {
    const carried = { parent: REQUEST, each: "chunk" } as const;
    expect(await stepOf(carried)).toEqual(carried);
  });
});

describe("a step's span", () => {
  it("belongs to the request's trace", async () => {
    await stepOf({ parent: REQUEST });
    expect(ended[0]?.spanContext().traceId).toBe("0af7651916cd43dd8448eb211c80319c");
    expect(ended[0]?.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
  });

  it("belongs to the chunk's trace in a large job, and is linked to the request", async () => {
    await stepOf({ parent: REQUEST, each: "chunk" });
    expect(ended[0]?.spanContext().traceId).toBe(CHUNK_ID.replaceAll("-", ""));
    expect(ended[0]?.links[0]?.context.traceId).toBe("0af7651916cd43dd8448eb211c80319c");
  });

  it("begins a trace where the event carries none, or one that is none", async () => {
    await stepOf(undefined);
    await stepOf({ parent: "nonsense" });
    expect(ended.map((span) => span.parentSpanContext)).toEqual([undefined, undefined]);
  });
});

it("of an error a span tells the code alone", async () => {
  const failing = traced("x", {}, async () => {
    throw new InvalidInputError("bad_row", "The row of ion@ferma.ro is bad.");
  });
  await expect(failing).rejects.toThrow("bad");
  expect(ended[0]?.status.message).toBe("bad_row");
  expect(JSON.stringify([ended[0]?.events, ended[0]?.attributes])).not.toContain("ferma");
});
