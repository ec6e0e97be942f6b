import { Counter, Gauge, Histogram, Registry } from "prom-client";

const LATENCY_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export type Metrics = ReturnType<typeof createMetrics>;

/** What the engine tells Prometheus: counted from its start on, by function where that says something. */
export function createMetrics() {
  const registry = new Registry();
  const about = (name: string, help: string) => ({
    name: `inngest_engine_${name}`,
    help,
    registers: [registry],
  });
  const latency = (name: string, help: string) =>
    new Histogram({ ...about(name, help), buckets: LATENCY_BUCKETS_SECONDS });
  return {
    registry,
    runs: new Counter({
      ...about("runs_total", "Runs by function, and by event: started, completed, failed or cancelled"),
      labelNames: ["function", "event"],
    }),
    events: new Counter(about("events_total", "Events accepted")),
    startLatency: latency("start_latency_seconds", "From due to the first call of a run"),
    callLatency: latency("call_seconds", "How long calls to apps take"),
    /** Set before each scrape, see operations/metrics-text.ts. */
    queueDepth: new Gauge({
      ...about("queue_depth", "Steps and runs to be executed, those under way included"),
      labelNames: ["function"],
    }),
    held: new Gauge(
      about("held", "Queue items that memory holds; the others are read when their turn comes"),
    ),
    running: new Gauge({ ...about("running", "Calls to apps under way"), labelNames: ["function"] }),
    waiting: new Gauge({
      ...about("waiting", "Queue items by what they wait for"),
      labelNames: ["function", "reason"],
    }),
    paused: new Gauge({ ...about("paused", "1 for a paused function"), labelNames: ["function"] }),
  };
}
