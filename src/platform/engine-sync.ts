/** At start the app registers its functions with the engine, and goes on trying until that worked. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "./logger.ts";

const RETRY_MS = 500;
const LOG_EVERY = 20;

/**
 * Asks our own serve endpoint to register (PUT), until it answers well or the signal aborts.
 * @returns true when registered, false when aborted
 */
export async function syncWithEngine(
  serveUrl: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<boolean> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    const problem = await register(serveUrl, signal);
    if (problem === null) return true;
    if (attempt % LOG_EVERY === 1) logger.warn({ attempt, problem }, "not registered with the engine yet");
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
  }
  return false;
}

/** Null when it worked, else the engine's or the SDK's sentence. */
async function register(serveUrl: string, signal: AbortSignal): Promise<string | null> {
  try {
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(10_000)]);
    const answer = await fetch(serveUrl, { method: "PUT", signal: timeout });
    const body = (await answer.json().catch(() => ({}))) as { message?: string };
    return answer.ok ? null : (body.message ?? `HTTP ${answer.status}`).slice(0, 500);
  } catch (error) {
    return error instanceof Error ? error.message : "no answer";
  }
}
