import { Cron } from "croner";

/** Null when the cron text ("0 9 * * 1-5", with an optional "TZ=Europe/Bucharest " before it) can be used. */
export function cronProblem(text: string): string | null {
  try {
    return nextTick(text, 0) === null ? `"${text}" never comes` : null;
  } catch (error) {
    return String((error as Error).message);
  }
}

/** The first tick strictly after an instant, in epoch milliseconds; null when there is none. UTC without TZ=. */
export function nextTick(text: string, afterMs: number): number | null {
  const match = text.match(/^(?:CRON_)?TZ=(\S+)\s+(.*)$/);
  const pattern = match?.[2] ?? text;
  const cron = new Cron(pattern, { timezone: match?.[1] ?? "UTC", paused: true });
  return cron.nextRun(new Date(afterMs))?.getTime() ?? null;
}
