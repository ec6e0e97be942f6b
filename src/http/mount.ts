/** Puts stated endpoints on the app: who may, what fits, what is repeated, the audit trail, the answer's envelope. */
import type { Context, Hono } from "hono";
import { z } from "zod";
import { InvalidInputError, NotFoundError } from "#src/domain/errors.ts";
import { recordAudit } from "#src/platform/audit.ts";
import type { Attempt, Idempotency } from "#src/platform/idempotency.ts";
import {
  type Endpoint,
  type EndpointRequest,
  type EndpointSpec,
  isRepeatable,
  Page,
  scopeOf,
  statusOf,
} from "./endpoint.ts";
import { type AppEnv, ok } from "./envelope.ts";
import { invalidRequest } from "./errors.ts";
import { type BodyLimits, JSON_LIMITS, readJson, refuseEncoded } from "./json-body.ts";
import { requireRole } from "./middleware/require-role.ts";
import { awaitUpload, BODY_PATIENCE } from "./middleware/slow-bodies.ts";
import { refuseUnstorable } from "./plain-text.ts";

export interface MountOptions {
  /** Without it an Idempotency-Key is of no avail. */
  idempotency?: Idempotency;
  /** Default: {@link JSON_LIMITS}. */
  bodyLimits?: BodyLimits;
  /** Parses each answer as it will be sent, so that the documentation cannot be wrong: for tests. */
  checkAnswers?: boolean;
  /** Fails what has changed something and left no entry in the audit trail: for tests. */
  checkAudit?: boolean;
}

export function mount(
  app: Hono<AppEnv>,
  prefix: string,
  endpoints: readonly Endpoint[],
  options: MountOptions = {},
): void {
  for (const endpoint of endpoints) {
    const { spec } = endpoint;
    const guards = spec.role === "public" ? [] : [requireRole(spec.role, scopeOf(spec))];
    app.on(spec.method.toUpperCase(), [prefix + spec.path], ...guards, (c) => answerTo(c, endpoint, options));
  }
}

async function answerTo(c: Context<AppEnv>, endpoint: Endpoint, options: MountOptions): Promise<Response> {
  const { spec } = endpoint;
  for (const text of [c.req.param(), c.req.query()]) refuseUnstorable(text);
  const params = paramsOf(spec, c.req.param());
  const query = spec.query && fitting(spec.query, c.req.query());
  if (spec.upload) {
    refuseEncoded(c.req.raw);
    awaitUpload(c, BODY_PATIENCE);
  }
  const json = spec.body ? await readJson(c.req.raw, options.bodyLimits ?? JSON_LIMITS) : null;
  refuseUnstorable(json?.value);
  const body = spec.body && fitting(spec.body, json?.value);
  const given = { params, query, body } as Pick<EndpointRequest<EndpointSpec>, "params" | "query" | "body">;

  const begun = await begin(c, spec, json?.text ?? null, options);
  if ("replayed" in begun) {
    c.header("Idempotent-Replayed", "true");
    return ok(c, begun.replayed.data, { status: statusOf(spec), meta: begun.replayed.meta });
  }
  const { attempt } = begun;
  try {
    const answer = await carryOut(c, endpoint, given, attempt, options);
    if (answer instanceof Response) {
      await attempt?.release();
      return answer;
    }
    const [data, meta] =
      answer instanceof Page
        ? [answer.items, { ...answer.meta, nextCursor: answer.nextCursor }]
        : [answer, {}];
    if (options.checkAnswers) checkAnswer(spec, data, meta);
    await attempt?.answered({ data, meta });
    return ok(c, data, { status: statusOf(spec), meta });
  } catch (error) {
    await attempt?.release();
    throw error;
  }
}

interface Answered {
  data: unknown;
  meta: object;
}
type Begun = { replayed: Answered } | { attempt: Attempt<Answered> | null };

const IdempotencyKey = z.string().regex(/^[\x21-\x7e]{1,255}$/);

/** Claims the request's Idempotency-Key, where it has one. */
async function begin(
  c: Context<AppEnv>,
  spec: EndpointSpec,
  body: string | null,
  { idempotency }: MountOptions,
): Promise<Begun> {
  const key = c.req.header("idempotency-key");
  if (!idempotency || key === undefined || !isRepeatable(spec)) return { attempt: null };
  if (!IdempotencyKey.safeParse(key).success) {
    throw new InvalidInputError(
      "invalid_idempotency_key",
      "An Idempotency-Key has 1 to 255 visible ASCII characters, such as a UUID.",
    );
  }
  const { kind, id } = c.get("principal");
  const { method, path } = c.req;
  // An upload cannot be looked at beforehand: its length stands for what it holds.
  const content = body ?? c.req.header("content-length") ?? "";
  const parts = [kind, id, method, path, new URL(c.req.url).search, content];
  return idempotency.begin({ workspaceId: c.get("workspaceId"), key, parts, attemptId: c.get("requestId") });
}

async function carryOut(
  c: Context<AppEnv>,
  { spec, handle }: Endpoint,
  given: Pick<EndpointRequest<EndpointSpec>, "params" | "query" | "body">,
  attempt: Attempt<Answered> | null,
  { checkAudit }: MountOptions,
): Promise<unknown> {
  let audited = spec.method === "get" || spec.audit === false;
  const answer = await handle({
    c,
    principal: c.get("principal"),
    workspaceId: c.get("workspaceId"),
    ...given,
    audit: async (tx, entry) => {
      await attempt?.markDone(tx);
      await auditOf(c)(tx, entry);
      audited = true;
    },
  });
  // A Response with another status is no success, or one that changed nothing (a preview).
  const succeeded = !(answer instanceof Response) || answer.status === statusOf(spec);
  if (checkAudit && succeeded && !audited)
    throw new Error(`${spec.method} ${spec.path} left no entry in the audit trail`);
  return answer;
}

/** Entries of the audit trail for this request: who asks, from where, and the request's id are filled in. */
function auditOf(c: Context<AppEnv>): EndpointRequest<EndpointSpec>["audit"] {
  const { kind, id } = c.get("principal") ?? { kind: "anonymous", id: "anonymous" };
  const request = { actor: { kind, id }, correlationId: c.get("requestId"), ip: c.get("clientIp") ?? null };
  return (tx, entry) => recordAudit(tx, { ...request, ...entry });
}

function fitting(schema: z.ZodType, given: unknown): unknown {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw invalidRequest(parsed.error);
}

/** @throws Error, which is our fault and no caller's, where the answer is not what the documentation promises */
function checkAnswer(spec: EndpointSpec, data: unknown, meta: object): void {
  const parsed = spec.answer.safeParse(JSON.parse(JSON.stringify(data)));
  const error = parsed.error ?? spec.meta?.safeParse(meta).error;
  if (error)
    throw new Error(`${spec.method} ${spec.path} answers what it does not promise: ${error.message}`);
}

/** An id that cannot be one names nothing: the same answer as for one that nobody has. */
function paramsOf(spec: EndpointSpec, given: Record<string, string>) {
  const parsed = (spec.params ?? z.object({})).safeParse(given);
  if (parsed.success) return parsed.data;
  const what = spec.tag.replace(/s$/, "").replaceAll("-", " ");
  throw new NotFoundError(`${what.replaceAll(" ", "_")}_not_found`, `There is no such ${what}.`);
}
