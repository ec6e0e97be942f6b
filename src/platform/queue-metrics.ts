/** Gauges that are read from Postgres when somebody collects metrics. */
import { metrics } from "@opentelemetry/api";
import { type Db, inSystem } from "#db/client.ts";
import { outboxLag, queueDepths } from "#db/queries/queue-depths.ts";
import type { Logger } from "./logger.ts";

/** Starts observing; call it once, after telemetry was started. */
export function observeQueues({ db, logger }: { db: Db; logger: Logger }): void {
  const meter = metrics.getMeter("cerniq-enrichment");
  const depth = meter.createObservableGauge("worker.queue.depth", {
    description: "Chunks that wait for a field, or are worked on",
  });
  const pending = meter.createObservableGauge("outbox.pending", {
    description: "Events that no run has taken up yet",
  });
  const oldest = meter.createObservableGauge("outbox.oldest.age", {
    unit: "s",
    description: "Of those, the oldest",
  });
  meter.addBatchObservableCallback(
    async (result) => {
      try {
        const { depths, lag } = await inSystem(db, async (tx) => ({
          depths: await queueDepths(tx),
          lag: await outboxLag(tx),
        }));
        for (const { field, waiting, active } of depths) {
          result.observe(depth, waiting, { queue: field, status: "waiting" });
          result.observe(depth, active, { queue: field, status: "active" });
        }
        result.observe(pending, lag.pending);
        result.observe(oldest, lag.oldestSeconds);
      } catch (error) {
        // The other figures are worth having, the more so when Postgres is away.
        logger.warn({ err: error }, "the queues' depths could not be read");
      }
    },
    [depth, pending, oldest],
  );
}
