/** The OpenAPI 3.1 document of the API, from the same statements that the routes are made of. */
import { z } from "zod";
import { type Endpoint, type EndpointSpec, isRepeatable, scopeOf, statusOf } from "./endpoint.ts";

type JsonSchema = Record<string, unknown>;

const schemaOf = (schema: z.ZodType, io: "input" | "output"): JsonSchema => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
};

const ERROR: JsonSchema = {
  type: "object",
  required: ["success", "data", "error", "meta"],
  properties: {
    success: { const: false },
    data: { type: "null" },
    error: {
      type: "object",
      required: ["code", "message"],
      properties: {
        code: { type: "string", description: "Stable." },
        message: { type: "string" },
        field: { type: "string", description: "The input that is meant, where one is." },
      },
    },
    meta: { type: "object", required: ["requestId"], properties: { requestId: { type: "string" } } },
  },
};

/** Parameters of the path or the query, one each. */
function parameters(schema: z.ZodObject | undefined, where: "path" | "query") {
  if (!schema) return [];
  const { properties = {}, required = [] } = schemaOf(schema, "input") as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: where,
    required: where === "path" || required.includes(name),
    schema: property,
  }));
}

function bodyOf({ body, upload }: EndpointSpec): JsonSchema {
  if (upload) {
    const schema = { type: "string", format: "binary" };
    const content = { [upload.contentType]: { schema } };
    return { requestBody: { required: true, description: upload.description, content } };
  }
  if (!body) return {};
  const required = !body.safeParse(undefined).success;
  return { requestBody: { required, content: { "application/json": { schema: schemaOf(body, "input") } } } };
}

const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "The same key and request within 24 hours: the first answer again, and nothing done twice.",
  schema: { type: "string", maxLength: 255 },
};

function operation(spec: EndpointSpec): JsonSchema {
  const error = (description: string) => ({
    description,
    content: { "application/json": { schema: ERROR } },
  });
  const meta: Record<string, JsonSchema> = {
    requestId: { type: "string" },
    ...(spec.paged ? { nextCursor: { type: ["string", "integer", "null"] } } : {}),
    ...(spec.meta ? (schemaOf(spec.meta, "output").properties as Record<string, JsonSchema>) : {}),
  };
  const envelope = {
    type: "object",
    required: ["success", "data", "error", "meta"],
    properties: {
      success: { const: true },
      data: schemaOf(spec.answer, "output"),
      error: { type: "null" },
      meta: { type: "object", required: ["requestId"], properties: meta },
    },
  };
  const access =
    spec.role === "public" ? "Open to all." : `Least role: ${spec.role}. Scope: ${scopeOf(spec)}.`;
  return {
    operationId: `${spec.method}${spec.path.replace(/[/:-]+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    tags: [spec.tag],
    summary: spec.summary,
    description: [spec.description, access].filter(Boolean).join("\n\n"),
    "x-role": spec.role,
    ...(spec.role === "public" ? { security: [] } : {}),
    parameters: [
      ...parameters(spec.params, "path"),
      ...parameters(spec.query, "query"),
      ...(isRepeatable(spec) ? [IDEMPOTENCY_KEY] : []),
    ],
    ...bodyOf(spec),
    responses: {
      [statusOf(spec)]: { description: "Done.", content: { "application/json": { schema: envelope } } },
      "4XX": error("Refused; `error.code` says why."),
      "5XX": error("Our fault; nothing is half done."),
    },
  };
}

/** @param prefix where the endpoints are mounted, such as /api/v1 */
export function openApiDocument(endpoints: readonly Endpoint[], prefix: string) {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const { spec } of endpoints) {
    const path = prefix + spec.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [spec.method]: operation(spec) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Cerniq", version: "1", description: "Finds, enriches and contacts B2B prospects." },
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "An access token, or an API key." },
        service: { type: "apiKey", in: "header", name: "X-Service-Key" },
      },
    },
    security: [{ bearer: [] }, { service: [] }],
    paths,
  };
}
