/** Chance that is always the same for the same number: simulated data depend on nothing but the id. */

/** A number of [0, 1) from an id and a purpose. */
export function chance(id: number, purpose: string): number {
  // FNV-1a over the purpose and the digits, then the finaliser of murmur3.
  let hash = 0x811c9dc5;
  for (const character of `${purpose}:${id}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** Whether the id is among this share of all ids. */
export const isAmong = (id: number, purpose: string, pct: number): boolean => chance(id, purpose) * 100 < pct;

/** A whole number of [from, to]. */
export const between = (id: number, purpose: string, from: number, to: number): number =>
  from + Math.floor(chance(id, purpose) * (to - from + 1));

export const pick = <T>(id: number, purpose: string, from: readonly T[]): T =>
  from[Math.floor(chance(id, purpose) * from.length)] as T;
