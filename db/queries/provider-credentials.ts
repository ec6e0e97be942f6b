/** Workspaces' own accounts at providers. What is sealed is opened by src/platform/credentials.ts alone. */
import { and, asc, eq, getTableColumns, sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { providerCredentials } from "#db/schema/provider-credentials.ts";

export interface SealedCredentials {
  provider: string;
  sealed: string;
}

export async function sealedCredentials(tx: Tx, workspaceId: string): Promise<SealedCredentials[]> {
  return tx
    .select({ provider: providerCredentials.provider, sealed: providerCredentials.sealed })
    .from(providerCredentials)
    .where(eq(providerCredentials.workspaceId, workspaceId));
}

/** What may be shown. */
export interface ShownCredentials {
  provider: string;
  lastFour: Record<string, string | null>;
  createdAt: Date;
  createdBy: string;
  updatedAt: Date;
  updatedBy: string;
  checkedAt: Date | null;
  checkError: string | null;
}

export async function listCredentials(tx: Tx, workspaceId: string): Promise<ShownCredentials[]> {
  const { id: _, workspaceId: owner, sealed: __, ...shown } = getTableColumns(providerCredentials);
  return tx
    .select(shown)
    .from(providerCredentials)
    .where(eq(owner, workspaceId))
    .orderBy(asc(shown.provider));
}

export interface CredentialsToSave extends SealedCredentials {
  workspaceId: string;
  lastFour: Record<string, string | null>;
  by: string;
  /** Null: it was not checked. */
  check: CredentialsCheck | null;
}

export interface CredentialsCheck {
  at: Date;
  /** Kind of the ProviderError; null: accepted. */
  error: string | null;
}

/** Puts them in the place of those that are there. */
export async function saveCredentials(tx: Tx, { by, check, ...given }: CredentialsToSave): Promise<void> {
  const changed = {
    sealed: given.sealed,
    lastFour: given.lastFour,
    updatedBy: by,
    checkedAt: check?.at ?? null,
    checkError: check?.error ?? null,
  };
  await tx
    .insert(providerCredentials)
    .values({ ...given, ...changed, createdBy: by })
    .onConflictDoUpdate({
      target: [providerCredentials.workspaceId, providerCredentials.provider],
      set: { ...changed, updatedAt: sql`now()` },
    });
}

export async function noteCredentialsCheck(
  tx: Tx,
  workspaceId: string,
  provider: string,
  { at, error }: CredentialsCheck,
): Promise<void> {
  await tx
    .update(providerCredentials)
    .set({ checkedAt: at, checkError: error })
    .where(ofProvider(workspaceId, provider));
}

/** Whether there were any. */
export async function deleteCredentials(tx: Tx, workspaceId: string, provider: string): Promise<boolean> {
  const { rowCount } = await tx.delete(providerCredentials).where(ofProvider(workspaceId, provider));
  return rowCount === 1;
}

const ofProvider = (workspaceId: string, provider: string) =>
  and(eq(providerCredentials.workspaceId, workspaceId), eq(providerCredentials.provider, provider));
