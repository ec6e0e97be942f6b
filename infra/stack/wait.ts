import { setTimeout as sleep } from "node:timers/promises";

/** Asks again every `everyMs` until the answer is true; false when `deadlineMs` have passed. */
export async function pollUntil(
  ask: () => boolean | Promise<boolean>,
  { deadlineMs, everyMs = 50 }: { deadlineMs: number; everyMs?: number },
): Promise<boolean> {
  const endsAt = performance.now() + deadlineMs;
  while (!(await ask())) {
    if (performance.now() > endsAt) return false;
    await sleep(everyMs);
  }
  return true;
}
