/** OpenTelemetry, where an endpoint is configured. Start it before anything that it should trace. */
import { NodeSDK } from "@opentelemetry/sdk-node";

/** Starts exporting traces and metrics over OTLP; the returned function flushes and stops. */
export function startTelemetry(endpoint: string | undefined): () => Promise<void> {
  if (!endpoint) return async () => {};
  const sdk = new NodeSDK({ serviceName: "cerniq" });
  sdk.start();
  return () => sdk.shutdown();
}
