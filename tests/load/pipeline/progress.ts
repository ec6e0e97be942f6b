const EVERY_MS = 5_000;
/** Nothing has ended for so long: it hangs. */
const STALLED_MS = 180_000;

/** Tells how far a run is, a line every five seconds. */
export function createProgress(what: string, total: number) {
  const startedAt = performance.now();
  let last = { done: -1, at: startedAt };
  let saidAt = startedAt;
  return {
    /** @throws Error when nothing has ended for three minutes */
    at(done: number): void {
      const now = performance.now();
      if (done !== last.done) last = { done, at: now };
      if (now - last.at > STALLED_MS) {
        throw new Error(`${what}: stands at ${done} of ${total} for ${STALLED_MS / 1_000} s.`);
      }
      if (now - saidAt < EVERY_MS) return;
      saidAt = now;
      const seconds = (now - startedAt) / 1_000;
      say(`  ${what}: ${done} of ${total} after ${seconds.toFixed(0)} s (${(done / seconds).toFixed(0)}/s)`);
    },
  };
}

export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
