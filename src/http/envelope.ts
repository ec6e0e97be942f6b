/** The one shape of every answer: `{ success, data, error, meta }`. */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Principal } from "#src/domain/access/principal.ts";
import type { UnauthorizedError } from "#src/domain/errors.ts";
import { maskPersonalNumbers } from "#src/domain/registry/personal-numbers.ts";

export interface ApiError {
  /** Stable, snake_case. */
  code: string;
  message: string;
  /** The input that is meant, where one is. */
  field?: string;
}

/** What requests carry from the middleware to the routes. */
export interface AppEnv {
  Variables: {
    requestId: string;
    /** Null: it did not come over a socket. */
    clientIp: string | null;
    workspaceId: string;
    principal: Principal;
    /** Ends the connection when the body does not come. */
    bodyTimer?: NodeJS.Timeout;
    /** Why credentials that came along were not accepted. */
    refusal?: UnauthorizedError;
  };
}

/** Answers with data. `meta` adds to the request id, such as a cursor. */
export function ok(
  c: Context<AppEnv>,
  data: unknown,
  options: { status?: ContentfulStatusCode; meta?: object } = {},
) {
  const meta = { requestId: c.get("requestId"), ...options.meta };
  return c.json({ success: true, data, error: null, meta }, options.status ?? 200);
}

/** Longer than any sentence of ours: what is quoted of a request is not. */
const MAX_MESSAGE = 1_000;

/** Answers with an error. What it quotes of the request may hold a personal number: none is echoed. */
export function fail(c: Context<AppEnv>, status: ContentfulStatusCode, { code, message, field }: ApiError) {
  const quoted = (text: string) => maskPersonalNumbers(text.slice(0, MAX_MESSAGE));
  const error = { code, message: quoted(message), ...(field ? { field: quoted(field) } : {}) };
  return c.json({ success: false, data: null, error, meta: { requestId: c.get("requestId") } }, status);
}
