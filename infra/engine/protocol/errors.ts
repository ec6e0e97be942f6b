import { canonicalJson } from "./canonical-json.ts";

type Fields = Record<string, unknown>;

/** What a call carries for a failed step: the SDK's error without its own marker. */
export function stepErrorMemo(error: unknown): string {
  const { __serialized: _marker, ...fields } = asFields(error);
  return canonicalJson({ error: fields });
}

/**
 * The error of a run that failed, as `inngest/function.failed` and a failed invoke carry it. `output` is the
 * run's output in JSON.
 */
export function runError(output: string): Fields {
  const { __serialized: _marker, ...fields } = asFields(JSON.parse(output));
  return {
    error: "NonRetriableError",
    message: fields.message ?? "",
    name: fields.name ?? "Error",
    stack: fields.stack ?? "",
    ...(fields.cause === undefined ? {} : { cause: fields.cause }),
  };
}

/** What a call carries for a step whose function could not be invoked, or did not answer in time. */
export function invokeErrorMemo(error: string, message: string, name = error): string {
  return canonicalJson({ error: { error, message, name, stack: "" } });
}

function asFields(error: unknown): Fields {
  if (typeof error !== "object" || error === null || Array.isArray(error)) {
    return { message: typeof error === "string" ? error : "Unknown error", name: "Error", stack: "" };
  }
  const fields = error as Fields;
  // The SDK wraps internal errors as { error: "text" }; give them the usual shape.
  if (fields.message === undefined && typeof fields.error === "string") {
    return { ...fields, message: fields.error, name: "Error", stack: "" };
  }
  return fields;
}
