import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";
import type { FunctionSpec } from "../protocol/functions.ts";
import type { Registry } from "../registry.ts";

export const rerunSchema = z.strictObject({ fromStep: z.string().nullable().default(null) });

/** Ends a request with a sentence: JSON over the API, a page to people. */
export function refuse(status: ContentfulStatusCode, message: string): never {
  throw new HTTPException(status, { message });
}

/** The JSON of a refused request, as a real server gives it. */
export function refusal(c: Context, status: ContentfulStatusCode, error: string): Response {
  return c.json({ error, data: null, status }, status);
}

/** What a request says, or its refusal with all that is wrong with it. */
export function parse<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  return parsed.success
    ? parsed.data
    : refuse(400, `The request is not valid: ${z.prettifyError(parsed.error)}`);
}

/** A JSON body; none is an empty object. */
export async function readJson<S extends z.ZodType>(c: Context, schema: S): Promise<z.output<S>> {
  return parse(schema, await c.req.json().catch(() => ({})));
}

/** The function that a path names, or a refusal. */
export function servedFunction(registry: Registry, slug: string): FunctionSpec {
  return registry.bySlug(slug) ?? refuse(404, "function not found");
}
