/** What this process counts and times. Names and buckets of the first three are those of the system's documents. */
import { metrics } from "@opentelemetry/api";
import { Middleware } from "inngest";
import { decodeTime } from "ulid";

const make = () => {
  const meter = metrics.getMeter("cerniq-enrichment");
  return {
    jobsProcessed: meter.createCounter("worker.jobs.processed", { description: "Runs that have ended well" }),
    jobsFailed: meter.createCounter("worker.jobs.failed", { description: "Runs that have failed for good" }),
    jobDuration: meter.createHistogram("worker.job.duration", {
      description: "From a run's start to its end, with its waits",
      unit: "ms",
      advice: {
        explicitBucketBoundaries: [10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 15_000, 60_000, 300_000],
      },
    }),
    providerCalls: meter.createCounter("provider.calls", {
      description: "Requests to providers, by outcome",
    }),
    providerCallDuration: meter.createHistogram("provider.call.duration", {
      description: "From sending a request to a provider to its answer",
      unit: "ms",
      advice: { explicitBucketBoundaries: [10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 15_000, 60_000] },
    }),
    webhooksIn: meter.createCounter("webhooks.in", { description: "Webhooks of providers, by outcome" }),
    httpDuration: meter.createHistogram("http.server.request.duration", {
      description: "Requests of the API, by route and status",
      unit: "s",
      advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] },
    }),
  };
};

let made: ReturnType<typeof make> | undefined;

/** The instruments. Made at the first use, which must come after telemetry was started: before that they are mute. */
export const instruments = () => {
  made ??= make();
  return made;
};

/** Counts and times the runs of every function. */
export class Metering extends Middleware.BaseMiddleware {
  readonly id = "metering";

  override onRunComplete({ fn, ctx }: Middleware.OnRunCompleteArgs): void {
    const { jobsProcessed, jobDuration } = instruments();
    jobsProcessed.add(1, { function: fn.id() });
    jobDuration.record(runMs(ctx.runId), { function: fn.id() });
  }

  override onRunError({ fn, isFinalAttempt }: Middleware.OnRunErrorArgs): void {
    if (isFinalAttempt) instruments().jobsFailed.add(1, { function: fn.id() });
  }
}

/** A run's id is a ULID: it begins with the instant at which the run was made. */
const runMs = (runId: string): number => Math.max(0, Date.now() - decodeTime(runId));
