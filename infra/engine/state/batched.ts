import { setImmediate } from "node:timers/promises";

/** A look-up by key that loads the keys asked for in the same tick together; null for a key that was not found. */
export function batched<T>(
  load: (keys: string[]) => Promise<ReadonlyMap<string, T>>,
): (key: string) => Promise<T | null> {
  let tick: { keys: Set<string>; found: Promise<ReadonlyMap<string, T>> } | null = null;
  return async (key) => {
    if (!tick) {
      const keys = new Set<string>();
      const loading = async (): Promise<ReadonlyMap<string, T>> => {
        await setImmediate();
        tick = null;
        return await load([...keys]);
      };
      tick = { keys, found: loading() };
    }
    tick.keys.add(key);
    return (await tick.found).get(key) ?? null;
  };
}
