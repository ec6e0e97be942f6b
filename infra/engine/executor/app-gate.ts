import { reconnectDelayMs } from "../scheduler/backoff.ts";

/** Remembers which apps cannot be reached, and gives each a short rest before it is called again. */
export class AppGate {
  readonly #resting = new Map<string, { failures: number; untilMs: number }>();

  /** The instant until which this URL's origin is not called, or 0. */
  restUntilMs(url: string): number {
    if (this.#resting.size === 0) return 0;
    return this.#resting.get(originOf(url))?.untilMs ?? 0;
  }

  /** The app was not reached. Calls that were under way together count as one failure. */
  failed(url: string, nowMs: number): void {
    const origin = originOf(url);
    const state = this.#resting.get(origin);
    if (state && state.untilMs > nowMs) return;
    const failures = (state?.failures ?? 0) + 1;
    this.#resting.set(origin, { failures, untilMs: nowMs + reconnectDelayMs(failures) });
  }

  answered(url: string): void {
    if (this.#resting.size > 0) this.#resting.delete(originOf(url));
  }
}

function originOf(url: string): string {
  return new URL(url).origin;
}
