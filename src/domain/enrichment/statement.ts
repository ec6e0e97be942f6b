/** What is said of a company, and whom to believe where nothing else is stated. Pure. */

/** What one value of a field, or the import, says of a company: attributes that were said at once. */
export interface Statement {
  /** Null: the import. */
  field: string | null;
  attributes: Readonly<Record<string, unknown>>;
  source: string;
  confidencePct: number;
  /** ISO 8601. */
  observedAt: string;
  /** Null when it came with the import. */
  fieldValueId: string | null;
  /** The merged-away prospect of which it was said; absent: the prospect itself. */
  mergedFrom?: string;
}

/** Null, "", blank text and empty lists say nothing; `false` and 0 are answers. */
export function isKnown(value: unknown): boolean {
  if (typeof value === "string") return value.trim() !== "";
  return Array.isArray(value) ? value.length > 0 : value !== null && value !== undefined;
}

/** For sorting: the statement to believe first. The same facts always give the same order. */
export function byTrust(a: Statement, b: Statement): number {
  return (
    b.confidencePct - a.confidencePct ||
    Number(a.mergedFrom !== undefined) - Number(b.mergedFrom !== undefined) ||
    compare(b.observedAt, a.observedAt) ||
    compare(a.source, b.source) ||
    compare(a.fieldValueId ?? "", b.fieldValueId ?? "")
  );
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
