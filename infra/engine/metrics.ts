/** Upper bounds of the latency buckets, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** A latency distribution in Prometheus' form. */
class Histogram {
  readonly #counts = new Array<number>(BUCKETS.length).fill(0);
  #sum = 0;
  #count = 0;

  observe(ms: number): void {
    const seconds = Math.max(0, ms) / 1_000;
    const at = BUCKETS.findIndex((bound) => seconds <= bound);
    if (at >= 0) this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += seconds;
    this.#count += 1;
  }

  lines(name: string): string[] {
    let below = 0;
    const buckets = BUCKETS.map((bound, at) => {
      below += this.#counts[at] ?? 0;
      return `${name}_bucket{le="${bound}"} ${below}`;
    });
    return [
      ...buckets,
      `${name}_bucket{le="+Inf"} ${this.#count}`,
      `${name}_sum ${this.#sum}`,
      `${name}_count ${this.#count}`,
    ];
  }
}

export type RunEvent = "started" | "completed" | "failed" | "cancelled";

/** A value with its labels, as it is printed. */
export interface Sample {
  labels: Record<string, string>;
  value: number;
}

/** What the engine counts from its start on, by function where that says something. */
export class Metrics {
  readonly #runs = new Map<string, Sample>();
  readonly startLatency = new Histogram();
  readonly callLatency = new Histogram();
  events = 0;
  calls = 0;

  run(fn: string, what: RunEvent): void {
    const key = `${what} ${fn}`;
    const known = this.#runs.get(key);
    if (known) known.value += 1;
    else this.#runs.set(key, { labels: { function: fn, event: what }, value: 1 });
  }

  /** The Prometheus text of these counters and of the gauges given. */
  text(gauges: { name: string; help: string; samples: Sample[] }[]): string {
    const counters = [
      {
        name: "inngest_engine_runs_total",
        help: "Runs started and ended, by function",
        samples: [...this.#runs.values()],
      },
      {
        name: "inngest_engine_events_total",
        help: "Events accepted",
        samples: [{ labels: {}, value: this.events }],
      },
      {
        name: "inngest_engine_calls_total",
        help: "Calls to apps",
        samples: [{ labels: {}, value: this.calls }],
      },
    ];
    const histograms = [
      {
        name: "inngest_engine_start_latency_seconds",
        help: "From due to the first call of a run",
        of: this.startLatency,
      },
      { name: "inngest_engine_call_seconds", help: "How long calls to apps take", of: this.callLatency },
    ];
    return `${[
      ...counters.flatMap((metric) => block(metric, "counter")),
      ...gauges.flatMap((metric) => block(metric, "gauge")),
      ...histograms.flatMap(({ name, help, of }) => [
        `# HELP ${name} ${help}`,
        `# TYPE ${name} histogram`,
        ...of.lines(name),
      ]),
    ].join("\n")}\n`;
  }
}

function block(metric: { name: string; help: string; samples: Sample[] }, type: string): string[] {
  const samples = metric.samples.map(({ labels, value }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
    return `${metric.name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}`;
  });
  return [`# HELP ${metric.name} ${metric.help}`, `# TYPE ${metric.name} ${type}`, ...samples];
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
