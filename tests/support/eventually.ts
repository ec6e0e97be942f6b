import { setTimeout as sleep } from "node:timers/promises";

/**
 * Runs `check` again and again until it neither throws nor answers false, and hands back its answer.
 * Past the deadline (10 s unless told) it throws what `check` last threw.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { deadlineMs = 10_000, everyMs = 50 }: { deadlineMs?: number; everyMs?: number } = {},
): Promise<Exclude<T, false>> {
  const endsAt = performance.now() + deadlineMs;
  for (;;) {
    let last: unknown;
    try {
      const answer = await check();
      if (answer !== false) return answer as Exclude<T, false>;
      last = new Error(`Still false after ${deadlineMs} ms.`);
    } catch (error) {
      last = error;
    }
    if (performance.now() > endsAt) throw last;
    await sleep(everyMs);
  }
}
