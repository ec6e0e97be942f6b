const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Milliseconds of an SDK time string such as "2h30m10s" or "1w"; "" is zero; null when it is no duration. */
export function parseDurationMs(text: string): number | null {
  let total = 0;
  let rest = text.trim();
  while (rest !== "") {
    const match = rest.match(/^(\d+(?:\.\d+)?)(ms|[smhdw])/);
    if (!match) return null;
    total += Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? Number.NaN);
    rest = rest.slice(match[0].length);
  }
  return Math.round(total);
}

/** The instant (epoch ms) that a duration from now or an ISO date names; null when it is neither. */
export function parseInstantMs(text: string, nowMs: number): number | null {
  const duration = parseDurationMs(text);
  if (duration !== null) return nowMs + duration;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

/** The delay that a `retry-after` header asks for: seconds, or a date. Never negative; null when absent or odd. */
export function parseRetryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined || header === "") return null;
  if (/^\d+(\.\d+)?$/.test(header)) return Math.round(Number(header) * 1000);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
