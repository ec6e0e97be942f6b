/** Puts stated endpoints on the app: who may, what fits, the audit trail, the envelope of the answer. */
import type { Context, Hono } from "hono";
import { z } from "zod";
import { NotFoundError } from "#src/domain/errors.ts";
import { recordAudit } from "#src/platform/audit.ts";
import {
  type Endpoint,
  type EndpointRequest,
  type EndpointSpec,
  Page,
  scopeOf,
  statusOf,
} from "./endpoint.ts";
import { type AppEnv, ok } from "./envelope.ts";
import { invalidRequest } from "./errors.ts";
import { JSON_LIMITS, readJson } from "./json-body.ts";
import { requireRole } from "./middleware/require-role.ts";

/**
 * @param checkAnswers parses each answer as it will be sent, so that the documentation cannot be wrong: for tests
 * @param checkAudit fails what has changed something and left no entry in the audit trail: for tests
 */
export function mount(
  app: Hono<AppEnv>,
  prefix: string,
  endpoints: readonly Endpoint[],
  { checkAnswers = false, checkAudit = false }: { checkAnswers?: boolean; checkAudit?: boolean } = {},
): void {
  for (const { spec, handle } of endpoints) {
    const guards = spec.role === "public" ? [] : [requireRole(spec.role, scopeOf(spec))];
    app.on(spec.method.toUpperCase(), [prefix + spec.path], ...guards, async (c) => {
      let audited = spec.method === "get" || spec.audit === false;
      const answer = await handle({
        c,
        principal: c.get("principal"),
        workspaceId: c.get("workspaceId"),
        params: paramsOf(spec, c.req.param()) as never,
        query: (spec.query && fitting(spec.query, c.req.query())) as never,
        body: (spec.body && fitting(spec.body, (await readJson(c.req.raw, JSON_LIMITS)).value)) as never,
        audit: async (tx, entry) => {
          await auditOf(c)(tx, entry);
          audited = true;
        },
      });
      // A Response with another status is no success, or one that changed nothing (a preview).
      const succeeded = !(answer instanceof Response) || answer.status === statusOf(spec);
      if (checkAudit && succeeded && !audited)
        throw new Error(`${spec.method} ${spec.path} left no entry in the audit trail`);
      if (answer instanceof Response) return answer;
      const [data, meta] =
        answer instanceof Page
          ? [answer.items, { ...answer.meta, nextCursor: answer.nextCursor }]
          : [answer, {}];
      if (checkAnswers) checkAnswer(spec, data, meta);
      return ok(c, data, { status: statusOf(spec), meta });
    });
  }
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
