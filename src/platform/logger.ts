/** pino, with secrets and personal data redacted before a line is written. */
import { trace } from "@opentelemetry/api";
import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger } from "pino";

/** Field names whose values never reach a log, at the top level or one below. */
const REDACTED = [
  "password",
  "apiKey",
  "token",
  "authorization",
  "cnp",
  "email",
  "phone",
  "name",
  "address",
  "signingKey",
  "eventKey",
];

/**
 * Log lines are JSON: object first, message second. Never log rows, provider bodies or event data: ids and
 * counts say enough, and are all that may be kept.
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: { service: "cerniq" },
      redact: { paths: REDACTED.flatMap((key) => [key, `*.${key}`]), censor: "[redacted]" },
      // Not pino's own error serializer: it copies every property of the error, and with it what the error
      // carries of requests and rows.
      serializers: {
        err: (error: Error & { code?: string }) => ({
          type: error.name,
          code: error.code,
          message: error.message,
          stack: error.stack,
        }),
      },
      mixin() {
        const span = trace.getActiveSpan()?.spanContext();
        return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
      },
    },
    ...(destination ? [destination] : []),
  );
}
