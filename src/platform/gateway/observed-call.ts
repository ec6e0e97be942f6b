/** One request to a provider, as a span and as figures: who, what, how many, how it ended. Never about whom. */
import { SpanKind } from "@opentelemetry/api";
import { instruments } from "../metrics.ts";
import { ProviderError } from "../provider-error.ts";
import { traced } from "../tracing.ts";

export async function observedCall<T>(
  provider: string,
  operation: string,
  subjects: number,
  request: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  let outcome = "answered";
  try {
    const attributes = { provider, operation, subjects };
    return await traced(`${provider} ${operation}`, attributes, request, { kind: SpanKind.CLIENT });
  } catch (error) {
    outcome = error instanceof ProviderError ? error.kind : "broken_off";
    throw error;
  } finally {
    const { providerCalls, providerCallDuration } = instruments();
    providerCalls.add(1, { provider, operation, outcome });
    providerCallDuration.record(performance.now() - startedAt, { provider, operation });
  }
}
