import { setImmediate } from "node:timers/promises";

/**
 * A look-up by key that loads the keys asked for in the same tick together; null for a key that was not found. Who
 * asks for a key that is being loaded gets the same answer at the same time, so that nobody is left with one that
 * has been acted upon meanwhile.
 */
export function batched<T>(
  load: (keys: string[]) => Promise<ReadonlyMap<string, T>>,
): (key: string) => Promise<T | null> {
  const loading = new Map<string, Promise<ReadonlyMap<string, T>>>();
  let next: { keys: string[]; found: Promise<ReadonlyMap<string, T>> } | null = null;
  const loadNext = async (keys: string[]): Promise<ReadonlyMap<string, T>> => {
    await setImmediate();
    next = null;
    try {
      return await load(keys);
    } finally {
      for (const key of keys) loading.delete(key);
    }
  };
  return async (key) => {
    let found = loading.get(key);
    if (!found) {
      if (!next) {
        const keys: string[] = [];
        next = { keys, found: loadNext(keys) };
      }
      next.keys.push(key);
      found = next.found;
      loading.set(key, found);
    }
    return (await found).get(key) ?? null;
  };
}
