/** From errors to answers: which code has which status, and nothing of our insides. */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { z } from "zod";
import {
  AppError,
  ConflictError,
  ForbiddenError,
  InsufficientCreditsError,
  InvalidInputError,
  NotFoundError,
  RateLimitError,
  UnauthorizedError,
} from "#src/domain/errors.ts";
import { maskPersonalNumbers } from "#src/domain/registry/personal-numbers.ts";
import type { Logger } from "#src/platform/logger.ts";
import { type AppEnv, fail } from "./envelope.ts";

/** What is wrong with a request before anybody looks at what it says: too large, too slow, no JSON. */
export class RequestError extends AppError {
  readonly status: ContentfulStatusCode;

  constructor(status: ContentfulStatusCode, code: string, message: string) {
    super(code, message);
    this.status = status;
  }
}

/** Of what does not fit its schema: the first thing, and where. */
export function invalidRequest({ issues: [issue] }: z.ZodError): InvalidInputError {
  const field = issue?.path.join(".") ?? "";
  const message = `${field || "The request"}: ${issue?.message ?? "does not fit its schema"}`;
  return new InvalidInputError("invalid_request", message, field ? { field } : {});
}

function statusOf(error: AppError): ContentfulStatusCode {
  if (error instanceof RequestError) return error.status;
  if (error instanceof InvalidInputError) return 422;
  if (error instanceof NotFoundError) return 404;
  if (error instanceof ConflictError) return 409;
  if (error instanceof InsufficientCreditsError) return 402;
  if (error instanceof UnauthorizedError) return 401;
  if (error instanceof ForbiddenError) return 403;
  if (error instanceof RateLimitError) return 429;
  return 500;
}

/** The app's error handler. What we did not foresee is logged, and answered without its message. */
export function errorHandler(logger: Logger) {
  return (error: Error, c: Context<AppEnv>) => {
    if (error instanceof AppError && statusOf(error) < 500) {
      const { code, message, field } = error;
      if (error instanceof RateLimitError) c.header("Retry-After", String(error.retryAfterSeconds));
      return fail(c, statusOf(error), { code, message, ...(field ? { field } : {}) });
    }
    if (error instanceof HTTPException) {
      return fail(c, error.status as ContentfulStatusCode, {
        code: "http_error",
        message: error.message || "Refused.",
      });
    }
    logger.error(
      { err: error, requestId: c.get("requestId"), path: maskPersonalNumbers(c.req.path) },
      "request failed",
    );
    return fail(c, 500, {
      code: "internal_error",
      message: "Something went wrong on our side; the request id tells where.",
    });
  };
}
