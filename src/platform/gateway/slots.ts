/**
 * How many requests of one operation this process may have under way at once. It is also how many outcomes can be
 * unknown after the process was killed.
 */
export interface Slots {
  /** Waits for a free slot and takes up to `count`. Lower priority goes first; then first come, first served. */
  take(count: number, options: { priority: number; signal?: AbortSignal | undefined }): Promise<number>;
  /** Takes up to `count` of those that nobody is waiting for. */
  tryTake(count: number): number;
  free(count: number): void;
}

interface Waiter {
  count: number;
  priority: number;
  resolve: (taken: number) => void;
}

export function createSlots(size: number): Slots {
  let left = size;
  const waiters: Waiter[] = [];

  const grab = (count: number) => {
    const taken = Math.min(count, left);
    left -= taken;
    return taken;
  };
  const serve = () => {
    while (left > 0 && waiters.length > 0) {
      const waiter = waiters.shift() as Waiter;
      waiter.resolve(grab(waiter.count));
    }
  };

  return {
    take(count, { priority, signal }) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const giveUp = () => {
          waiters.splice(waiters.indexOf(waiter), 1);
          reject(signal?.reason);
        };
        const waiter: Waiter = {
          count,
          priority,
          resolve(taken) {
            signal?.removeEventListener("abort", giveUp);
            resolve(taken);
          },
        };
        signal?.addEventListener("abort", giveUp, { once: true });
        const place = waiters.findIndex((other) => other.priority > priority);
        waiters.splice(place === -1 ? waiters.length : place, 0, waiter);
        serve();
      });
    },
    tryTake: (count) => (waiters.length > 0 ? 0 : grab(count)),
    free(count) {
      left += count;
      serve();
    },
  };
}
