/** Odd requests of an API, by its OpenAPI document: what fits the schemas with odd values, and what does not fit. */
import fc from "fast-check";

/** JSON Schema, as far as our document uses it. */
export interface Schema {
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  exclusiveMaximum?: number;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  propertyNames?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
}

export interface Operation {
  method: string;
  path: string;
  operationId: string;
  "x-role": string;
  parameters: { name: string; in: "path" | "query" | "header"; required: boolean; schema: Schema }[];
  responses: Record<string, { content: Record<string, unknown> }>;
  requestBody?: { required: boolean; content: Record<string, { schema: Schema }> };
}

export interface OddRequest {
  path: string;
  method: string;
  headers: Record<string, string>;
  body: string | FormData | undefined;
}

/** A valid personal number: no answer may hold it. */
export const CNP = "1800101221144";

/** Texts that have broken others. */
export const ODD_TEXTS = [
  ...["", " ", "\0", "\ud800", "\u202e", "null", "undefined", "NaN", "true", "__proto__", "constructor"],
  ...[
    "'",
    '"',
    "';--",
    "' OR '1'='1",
    "1; DROP TABLE prospects",
    "$1",
    "#{1}",
    "{{7*7}}",
    "%s%n",
    "%00",
    "\\",
  ],
  ...["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)"],
  ...["=1+1", "@SUM(A1)", "+1", "-1", "\t=1", "../../etc/passwd", "..\\..\\x", "file:///etc/passwd"],
  ...["\r\nX-Injected: 1", "a\nb", "😀", "ﬃ", "İ", "\ufeff", "\u0000a", "٣", "x".repeat(5_000)],
  ...[CNP, `x${CNP}y`, "1 80 01 01 22 11 44", "2000-02-30", "1e309", "-0", "9007199254740993", "0x10"],
];

const oddText = fc.oneof(
  fc.constantFrom(...ODD_TEXTS),
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
);
const oddNumber = fc.oneof(
  fc.constantFrom(0, -0, -1, 1, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, 5e-324, 0.1),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  oddText,
  oddNumber,
  fc.constantFrom(null, true, false, [], {}, [[]], { __proto__: { x: 1 } }),
  fc.array(oddText, { maxLength: 3 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** Values that fit the schema. @param ids that there are */
export function fitting(schema: Schema, ids: readonly string[]): fc.Arbitrary<unknown> {
  const each = (part: Schema) => fitting(part, ids);
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return fc.oneof(...options.map(each));
  if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map((type) => each({ ...schema, type })));
  switch (schema.type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: least(schema, -1_000), max: most(schema, 100_000) });
    case "number":
      return fc.double({ min: least(schema, -1_000), max: most(schema, 100_000), noNaN: true });
    case "array":
      return fc.array(each(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: (schema.minItems ?? 0) + 3,
      });
    case "object":
      return object(schema, ids);
    case "string":
      return text(schema, ids);
    default:
      return oddValue;
  }
}

const least = ({ minimum, exclusiveMinimum }: Schema, usual: number) =>
  Math.max(minimum ?? usual, exclusiveMinimum === undefined ? usual : exclusiveMinimum + 1, -(2 ** 31));
const most = ({ maximum, exclusiveMaximum, minimum = 0 }: Schema, usual: number) =>
  Math.min(
    maximum ?? minimum + usual,
    exclusiveMaximum === undefined ? Infinity : exclusiveMaximum - 1,
    2 ** 31 - 1,
  );

function object(schema: Schema, ids: readonly string[]): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, part]) => [name, fitting(part, ids)]),
  );
  const known = fc.record(fields, { requiredKeys: required as never });
  if (typeof additionalProperties !== "object") return known;
  const others = fc.dictionary(fc.string({ maxLength: 20 }), fitting(additionalProperties, ids), {
    maxKeys: 3,
  });
  return fc.tuple(others, known).map(([more, mine]) => ({ ...more, ...(mine as object) }));
}

function text({ format, pattern, minLength = 0, maxLength = 10_000 }: Schema, ids: readonly string[]) {
  if (format === "uuid") return fc.oneof(fc.constantFrom(...ids), fc.uuid());
  if (format === "email") return fc.emailAddress();
  // Nobody answers there.
  if (format === "uri")
    return fc
      .webUrl({ authoritySettings: {} })
      .map((url) => url.replace(/^(https?:\/\/)[^/]+/, "$1127.0.0.1:9"));
  if (format === "date-time")
    return fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
      .map((at) => at.toISOString());
  if (format === "date")
    return fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
      .map((at) => at.toISOString().slice(0, 10));
  if (pattern && !format) return fc.stringMatching(new RegExp(pattern));
  return fc
    .tuple(oddText, fc.string({ minLength }))
    .map(([odd, filler]) => (odd.length >= minLength ? odd : odd + filler).slice(0, maxLength));
}

/** Mostly what fits, with here and there a value that does not, or one too many. */
function mutated(schema: Schema | undefined, ids: readonly string[]): fc.Arbitrary<unknown> {
  if (!schema) return fc.constant(undefined);
  const good = fitting(schema, ids);
  const spoilt = fc
    .tuple(good, fc.string({ maxLength: 10 }), oddValue, fc.nat())
    .map(([value, key, odd, n]) => {
      if (typeof value !== "object" || value === null) return odd;
      const keys = Object.keys(value);
      const place = n % 2 === 0 && keys.length > 0 ? (keys[n % keys.length] as string) : key;
      return { ...value, [place]: odd };
    });
  return fc.oneof(
    { weight: 4, arbitrary: good },
    { weight: 4, arbitrary: spoilt },
    { weight: 1, arbitrary: oddValue },
  );
}

/** Header values can only hold Latin-1 without controls. */
const headerText = oddText.map((value) =>
  value
    .replace(/[^\x20-\x7e\xa0-\xff]/g, "")
    .trim()
    .slice(0, 1_000),
);
const ODD_HEADERS = [
  "idempotency-key",
  "accept",
  "content-type",
  "origin",
  "x-request-id",
  "x-forwarded-for",
  "range",
  "if-match",
  "content-encoding",
  "traceparent",
];
const oddHeaders = fc.dictionary(fc.constantFrom(...ODD_HEADERS), headerText, { maxKeys: 2 });

/** Requests of one operation. @param ids that there are, so that some of them get far */
export function oddRequests(operation: Operation, ids: readonly string[]): fc.Arbitrary<OddRequest> {
  const named = (where: string) => operation.parameters.filter((parameter) => parameter.in === where);
  const inPath = fc.record(
    Object.fromEntries(
      named("path").map(({ name, schema }) => [name, fc.oneof(fitting(schema, ids), oddText)]),
    ),
  );
  const inQuery = fc.record(
    Object.fromEntries(
      named("query").map(({ name, schema }) => [name, fc.oneof(fitting(schema, ids), oddText)]),
    ),
    {
      requiredKeys: named("query")
        .filter(({ required }) => required)
        .map(({ name }) => name) as never,
    },
  );
  const strange = fc.dictionary(fc.string({ maxLength: 8 }), oddText, { maxKeys: 1 });
  return fc
    .record({
      inPath,
      inQuery,
      strange,
      headers: oddHeaders,
      strangeQuery: fc.boolean(),
      body: bodies(operation, ids),
    })
    .map(({ headers, body, strangeQuery, ...given }) => {
      const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => segment(given.inPath[name]));
      const query = new URLSearchParams();
      for (const [name, value] of Object.entries({
        ...(strangeQuery ? given.strange : {}),
        ...given.inQuery,
      })) {
        query.append(name, String(value));
      }
      const search = query.size > 0 ? `?${query}` : "";
      return { method: operation.method.toUpperCase(), path: path + search, headers, body };
    });
}

// An empty segment, or dots, would be another route.
const segment = (value: unknown) => {
  const said = encodeURIComponent(String(value).toWellFormed());
  return ["", ".", ".."].includes(said) ? "x" : said;
};

function bodies(
  { requestBody, method }: Operation,
  ids: readonly string[],
): fc.Arbitrary<OddRequest["body"]> {
  if (method === "get") return fc.constant(undefined);
  const content = requestBody?.content ?? {};
  const json = content["application/json"];
  if ("multipart/form-data" in content) return forms;
  if (!json) return fc.option(oddText, { nil: undefined });
  const texts = mutated(json.schema, ids).map((value) => JSON.stringify(value));
  return fc.oneof(
    { weight: 15, arbitrary: texts },
    { weight: 1, arbitrary: oddText },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );
}

const forms = fc
  .array(
    fc.tuple(
      fc.constantFrom("file", "states", "activities", "caen", "counties", "maxCostMicros", "x"),
      oddText,
      fc.boolean(),
    ),
    { maxLength: 4 },
  )
  .map((parts) => {
    const form = new FormData();
    for (const [name, value, isFile] of parts) {
      form.append(name, isFile ? new File([`cui,nume\n${value}`], value) : value);
    }
    return form;
  });
