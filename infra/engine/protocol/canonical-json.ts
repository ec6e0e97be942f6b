/**
 * JSON with object keys in UTF-16 order and no white space (RFC 8785 for what JSON.parse can yield). The SDK
 * verifies a call's signature over exactly this form, so everything we store for calls is kept in it and
 * bodies are built by joining strings, never by parsing and printing again.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const parts: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined) parts.push(`${JSON.stringify(key)}:${canonicalJson(member)}`);
  }
  return `{${parts.join(",")}}`;
}
