/** Keeps persons away who have been erased: what an import or a provider says of them is not taken. */
import { type Db, inWorkspace } from "#db/client.ts";
import { erasedHashes } from "#db/queries/suppressions.ts";
import type { Contact } from "#src/domain/privacy/contact-key.ts";
import { hashContact, pepperOf, type SuppressionDeps } from "./suppression.ts";

/** Whether the person behind a contact, in whatever spelling, was erased. */
export type IsErased = (contact: Contact) => boolean;

/** An erasure counts on it that every process has heard of it after this time, and looks again then. */
export const HEARD_OF_AFTER_MS = 5_000;

interface Known {
  at: number;
  isErased: IsErased | null;
}
const known = new WeakMap<Db, Map<string, Known>>();

/** Null: nobody was, in this workspace. Asked of Postgres every {@link HEARD_OF_AFTER_MS} at most. */
export async function erasedContacts(
  deps: { db: Db } & SuppressionDeps,
  workspaceId: string,
): Promise<IsErased | null> {
  const ofDb = known.get(deps.db) ?? new Map<string, Known>();
  known.set(deps.db, ofDb);
  const cached = ofDb.get(workspaceId);
  const at = performance.now();
  if (cached && at - cached.at < HEARD_OF_AFTER_MS) return cached.isErased;
  const isErased = await readErased(deps, workspaceId);
  ofDb.set(workspaceId, { at, isErased });
  return isErased;
}

async function readErased(deps: { db: Db } & SuppressionDeps, workspaceId: string): Promise<IsErased | null> {
  const { pepper, hashes } = await inWorkspace(deps.db, workspaceId, async (tx) => ({
    pepper: await pepperOf(tx, deps, workspaceId),
    hashes: await erasedHashes(tx),
  }));
  if (!pepper || hashes.size === 0) return null;
  return (contact) => {
    const hash = hashContact(pepper, contact);
    return hash !== null && hashes.has(hash);
  };
}

/**
 * A value without the contacts of whoever was erased: items of lists are left out. Null: it is about them as a whole.
 */
export function withoutErased<Value>(value: Value, isErased: IsErased): Value | null {
  if (typeof value === "string") return namesErased(value, isErased) ? null : value;
  if (Array.isArray(value)) {
    const kept = value.map((item) => withoutErased(item, isErased));
    // An empty item that was there before is none of ours.
    return kept.filter((item, at) => item !== null || value[at] === null) as Value;
  }
  if (value === null || typeof value !== "object" || value instanceof Date) return value;
  const entries = Object.entries(value).map(
    ([key, item]) => [key, withoutErased(item, isErased), item] as const,
  );
  if (entries.some(([, kept, item]) => kept === null && item !== null)) return null;
  return Object.fromEntries(entries.map(([key, kept]) => [key, kept])) as Value;
}

function namesErased(text: string, isErased: IsErased): boolean {
  if (text.length > 300) return false;
  if (text.includes("@")) return isErased({ kind: "email", value: text });
  return /\d{3}/.test(text) && isErased({ kind: "phone", value: text });
}
