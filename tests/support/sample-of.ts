import { z } from "zod";

interface Schema {
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  type?: string | string[];
  format?: string;
  minLength?: number;
  minimum?: number;
  minItems?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

const FORMATS: Record<string, string> = {
  uuid: "019de9a2-0000-7000-8000-000000000000",
  email: "somebody@example.ro",
  "date-time": "2026-11-22T12:00:00Z",
  date: "2026-11-22",
  uri: "https://example.ro/",
};

/** The smallest thing that fits a schema, where that can be told from its JSON Schema. */
export const sampleOf = (schema: z.ZodType): unknown =>
  sample(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Schema);

function sample(schema: Schema): unknown {
  if ("const" in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  const [choice] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (choice) return sample(choice);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case "object":
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, sample(schema.properties?.[name] ?? {})]),
      );
    case "array":
      return Array.from({ length: schema.minItems ?? 0 }, () => sample(schema.items ?? {}));
    case "integer":
    case "number":
      return Math.max(schema.minimum ?? 1, 1);
    case "boolean":
      return true;
    default:
      return FORMATS[schema.format ?? ""] ?? "x".repeat(schema.minLength ?? 1);
  }
}

/** Where a schema takes ids: the names on the way to each; `*`: any item of a list. */
export const idFieldsOf = (schema: z.ZodType): string[][] =>
  idFields(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Schema, []);

function idFields(schema: Schema, way: string[]): string[][] {
  const choices = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  const properties = Object.entries(schema.properties ?? {});
  const found = [
    ...choices.flatMap((choice) => idFields(choice, way)),
    ...properties.flatMap(([name, property]) => idFields(property, [...way, name])),
    ...(schema.items ? idFields(schema.items, [...way, "*"]) : []),
  ];
  const isId =
    schema.format === "uuid" || (schema.type === "string" && /(Id|^actor)$/.test(way.at(-1) ?? ""));
  return isId ? [...found, way] : found;
}

/** The same, with a value at that place, which {@link idFieldsOf} has told. */
export function setAt(given: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value;
  if (name === "*") return [setAt(undefined, rest, value)];
  const object = (given ?? {}) as Record<string, unknown>;
  return { ...object, [name]: setAt(object[name], rest, value) };
}
