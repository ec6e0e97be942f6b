/** pino, with secrets and personal data redacted before a line is written. */
import { trace } from "@opentelemetry/api";
import { type DestinationStream, type Logger, pino } from "pino";
import { maskContacts } from "#src/domain/contact/mask-contacts.ts";
import { maskPersonalNumbers } from "#src/domain/registry/personal-numbers.ts";

export type { Logger } from "pino";

/** Field names whose values never reach a log, at the top level or up to two below. */
const REDACTED = [
  ...["password", "secret", "token", "accessToken", "refreshToken", "authorization", "cookie", "totp"],
  ...["apiKey", "serviceKey", "signingKey", "eventKey", "credentials"],
  ...["cnp", "email", "phone", "name", "address"],
];

/** What free text may quote of persons. */
const masked = (text: string) => maskContacts(maskPersonalNumbers(text));

/**
 * Log lines are JSON: object first, message second. Never log rows, provider bodies or event data: ids and
 * counts say enough, and are all that may be kept.
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: { service: "cerniq" },
      redact: { paths: REDACTED.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: "[redacted]" },
      serializers: { err: describeError },
      hooks: {
        logMethod(args, method) {
          method.apply(this, args.map((arg) => (typeof arg === "string" ? masked(arg) : arg)) as typeof args);
        },
      },
      mixin() {
        const span = trace.getActiveSpan()?.spanContext();
        return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
      },
    },
    ...(destination ? [destination] : []),
  );
}

/**
 * Not pino's own serializer: that copies every property of an error, and with them what it carries of requests and
 * rows. Drizzle's message ends with the query's parameters; and any message may quote a personal number or an address.
 */
function describeError(error: Error & { code?: string }) {
  const [message = ""] = String(error.message).split("\nparams:");
  const frames = String(error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    code: error.code,
    message: masked(message),
    stack: frames.join("\n"),
  };
}
