/** The legal-basis register of a workspace: why it processes personal data, on which basis, and for how long. */
import type { Tx } from "#db/client.ts";
import {
  basisInUse,
  storedPurposes,
  storePurpose,
  takeRegisterTurn,
} from "#db/queries/processing-purposes.ts";
import { ConflictError } from "#src/domain/errors.ts";
import { defaultPurposes, type LegalBasis, type ProcessingPurpose } from "#src/domain/privacy/purposes.ts";

export type RegisteredPurpose = ProcessingPurpose & {
  /** Who set it down, and when (ISO 8601); null: as it came with the release. */
  updatedBy: string | null;
  updatedAt: string | null;
};

/** All purposes, by name: the workspace's own words where it has some. */
export async function legalBasisRegister(tx: Tx): Promise<RegisteredPurpose[]> {
  const purposes = new Map<string, RegisteredPurpose>(
    defaultPurposes.map((each) => [each.purpose, { ...each, updatedBy: null, updatedAt: null }]),
  );
  for (const row of await storedPurposes(tx))
    purposes.set(row.purpose, { ...row, legalBasis: row.legalBasis as LegalBasis });
  return [...purposes.values()].toSorted((a, b) => (a.purpose < b.purpose ? -1 : 1));
}

/**
 * Sets a purpose down, or a new one.
 * @throws ConflictError when prospects would be left on a basis that no purpose has any more
 */
export async function registerPurpose(tx: Tx, purpose: ProcessingPurpose, by: string): Promise<void> {
  await takeRegisterTurn(tx);
  const before = (await legalBasisRegister(tx)).find((each) => each.purpose === purpose.purpose);
  const dataCategories = [...purpose.dataCategories];
  await storePurpose(tx, { ...purpose, dataCategories, updatedBy: by });
  if (!before || before.legalBasis === purpose.legalBasis) return;
  const left = (await legalBasisRegister(tx)).some(({ legalBasis }) => legalBasis === before.legalBasis);
  if (left || !(await basisInUse(tx, before.legalBasis))) return;
  throw new ConflictError(
    "basis_in_use",
    `Prospects are kept on the basis ${before.legalBasis}, and no other purpose has it.`,
    { field: "legalBasis" },
  );
}
