/**
 * The one place where our errors become Inngest's: what will not change is not retried, what says when to come
 * back is retried then, the rest by the function's own retries. What leaves here is shown in the engine's
 * dashboard, so it carries a code and a safe sentence and never a row, a parameter or a body.
 */
import { DrizzleQueryError } from "drizzle-orm";
import { Middleware, NonRetriableError, RetryAfterError } from "inngest";
import { z } from "zod";
import { AppError } from "#src/domain/errors.ts";
import { ProviderError } from "#src/platform/provider-error.ts";

/** Turns an error of ours into the one that Inngest understands. Others come back without their data. */
export function toInngestError(error: unknown): unknown {
  if (error instanceof ProviderError) {
    if (!error.retryable) return new NonRetriableError(error.message);
    // The number is milliseconds.
    return error.retryAfterMs === undefined
      ? new Error(error.message)
      : new RetryAfterError(error.message, error.retryAfterMs);
  }
  if (error instanceof AppError) return new NonRetriableError(`${error.code}: ${error.message}`);
  if (error instanceof z.ZodError) {
    // Paths and rules only: zod's own message can quote the value.
    const where = error.issues.map((issue) => `${issue.path.join(".")} (${issue.code})`).join(", ");
    return new NonRetriableError(`The data does not fit its schema: ${where}`);
  }
  if (error instanceof DrizzleQueryError) {
    // Drizzle's message holds the query's parameters.
    const cause = error.cause as { code?: string; constraint?: string; message?: string } | undefined;
    const what = [cause?.code, cause?.constraint].filter(Boolean).join(" ") || "no connection";
    return new Error(`The database refused or lost a query (${what}).`);
  }
  return error;
}

/** Applies {@link toInngestError} to each attempt of each step, and to what a function throws outside steps. */
export class ErrorMapping extends Middleware.BaseMiddleware {
  readonly id = "error-mapping";

  override async wrapStepHandler({ next }: Middleware.WrapStepHandlerArgs): Promise<unknown> {
    return next().catch((error: unknown) => {
      throw toInngestError(error);
    });
  }

  override async wrapFunctionHandler({ next }: Middleware.WrapFunctionHandlerArgs): Promise<unknown> {
    return next().catch((error: unknown) => {
      throw toInngestError(error);
    });
  }
}
