/**
 * OpenTelemetry. Metrics are always kept, for /metrics; traces, and metrics by OTLP, where an endpoint is configured.
 * Start it before anything that it should measure. Sampling and the like are set by the standard OTEL_* variables.
 */
import { metrics } from "@opentelemetry/api";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider, type MetricReader, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";

const SERVICE = "cerniq";

export interface Telemetry {
  /** All metrics of this process, as Prometheus reads them. */
  metricsText: () => Promise<string>;
  /** Flushes and stops. */
  stop: () => Promise<void>;
}

/** @param endpoint of an OTLP receiver; undefined: nothing leaves this process */
export async function startTelemetry(endpoint: string | undefined): Promise<Telemetry> {
  const prometheus = new PrometheusExporter({ preventServerStart: true });
  const readers: MetricReader[] = [prometheus];
  const stops: (() => Promise<void>)[] = [];
  if (endpoint) {
    // Only here: the SDK with all its exporters takes tens of megabytes.
    const { NodeSDK } = await import("@opentelemetry/sdk-node");
    const { OTLPMetricExporter } = await import("@opentelemetry/exporter-metrics-otlp-proto");
    readers.push(new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() }));
    // Logs go to standard output, where they are collected.
    const sdk = new NodeSDK({ serviceName: SERVICE, metricReaders: [], logRecordProcessors: [] });
    sdk.start();
    stops.push(() => sdk.shutdown());
  }
  const provider = new MeterProvider({ readers });
  metrics.setGlobalMeterProvider(provider);
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  return {
    async metricsText() {
      const { resourceMetrics } = await prometheus.collect();
      return serializer.serialize(resourceMetrics);
    },
    async stop() {
      await Promise.allSettled([provider.shutdown(), ...stops.map((stop) => stop())]);
    },
  };
}
