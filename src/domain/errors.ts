/** What went wrong, for whom, under a code that never changes. `message` is safe to show: no personal data. */
export abstract class AppError extends Error {
  /** Stable, snake_case; part of the API. */
  readonly code: string;
  /** Which input is meant, where one is. */
  readonly field: string | undefined;

  constructor(code: string, message: string, options: { field?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.field = options.field;
  }
}

/** The caller's input cannot be used as it is: says what, where, why and what to do. HTTP 422. */
export class InvalidInputError extends AppError {}

/** Nothing there under this id, for this workspace. HTTP 404. */
export class NotFoundError extends AppError {}

/** The request contradicts what is already there. HTTP 409. */
export class ConflictError extends AppError {}

/** The workspace's credits do not cover it. HTTP 402. */
export class InsufficientCreditsError extends AppError {
  constructor(wantedMicros: number, balanceMicros: number) {
    super(
      "insufficient_credits",
      `It takes ${wantedMicros} micro-euros, and the balance is ${balanceMicros}: grant more credits.`,
    );
  }
}

/** No or wrong key. HTTP 401. */
export class UnauthorizedError extends AppError {}

/** Known, but not allowed to. HTTP 403. */
export class ForbiddenError extends AppError {}

/** Too many requests: HTTP 429 with Retry-After. */
export class RateLimitError extends AppError {
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds: number) {
    super("rate_limited", message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A run whose attempt was taken over by a newer one: it must stop and write nothing. */
export class SupersededError extends AppError {
  constructor(what: string) {
    super("superseded", `A newer attempt has taken over ${what}.`);
  }
}
