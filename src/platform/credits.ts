/**
 * Credits: what a workspace may spend, in micro-euros. A workspace without an account is not limited by them; its first
 * grant opens one. What may be spent is reserved first; a reservation ends once, settled with what it has cost or
 * refunded as a whole. Every operation has a key, and repeating it does nothing. Each locks the account: call them last
 * in a transaction. Why: docs/decisions/0015-vault-credentials-credits.md.
 */
import type { Tx } from "#db/client.ts";
import {
  addCreditEntries,
  type CreditReservation,
  findCreditEntries,
  findReservations,
  lockCreditAccount,
  type NewCreditEntry,
  openCreditAccount,
} from "#db/queries/credits.ts";
import type { CallKey } from "#db/queries/provider-calls.ts";
import { ConflictError, InsufficientCreditsError, InvalidInputError } from "#src/domain/errors.ts";

export interface CreditChange {
  /** Of a grant: above zero. Of an adjustment: not zero. */
  amountMicros: number;
  /** What it is for, such as an invoice's number: the same reference changes the account once. */
  reference: string;
  by: string;
}

/** @throws ConflictError when the reference was granted another amount */
export async function grantCredits(tx: Tx, workspaceId: string, grant: CreditChange): Promise<void> {
  if (grant.amountMicros < 0) throw invalidAmount();
  return change(tx, workspaceId, "grant", grant);
}

/**
 * Corrects an account, up or down.
 * @throws InsufficientCreditsError when it would fall below zero, ConflictError when the reference adjusted it otherwise
 */
export function adjustCredits(tx: Tx, workspaceId: string, adjustment: CreditChange): Promise<void> {
  return change(tx, workspaceId, "adjust", adjustment);
}

async function change(
  tx: Tx,
  workspaceId: string,
  kind: "grant" | "adjust",
  { amountMicros, reference, by }: CreditChange,
): Promise<void> {
  if (amountMicros === 0) throw invalidAmount();
  await openCreditAccount(tx, workspaceId);
  const account = await lockCreditAccount(tx, workspaceId);
  const idempotencyKey = `${kind}:${reference}`;
  const known = (await findCreditEntries(tx, workspaceId, [idempotencyKey])).get(idempotencyKey);
  if (known !== undefined) {
    if (known === amountMicros) return;
    throw new ConflictError("reference_used", `This reference stands for ${known} micro-euros already.`);
  }
  const balanceMicros = account?.balanceMicros ?? 0;
  if (balanceMicros + amountMicros < 0) throw new InsufficientCreditsError(-amountMicros, balanceMicros);
  const entry = { kind, balanceMicros: amountMicros, reservedMicros: 0, reservationId: null, reference, by };
  await addCreditEntries(tx, workspaceId, [{ ...entry, idempotencyKey }]);
}

/** Names what is reserved for one attempt at a call to a provider. */
export const creditKeyOf = ({ id, attempt }: CallKey): string => `call:${id}:${attempt}`;

export interface Reserve {
  /** Names the reservation, for ever. */
  key: string;
  /** What it is for. */
  reference: string;
  /** What may be spent at most; above zero. */
  amountMicros: number;
}

/**
 * Takes the amounts out of the balance: all of them or none. Nothing where the workspace has no account.
 * @throws InsufficientCreditsError when the balance does not cover them, ConflictError for a key with another amount
 */
export async function reserveCredits(tx: Tx, workspaceId: string, wanted: readonly Reserve[]): Promise<void> {
  if (wanted.some(({ amountMicros }) => amountMicros <= 0)) throw invalidAmount();
  const account = await lockCreditAccount(tx, workspaceId);
  if (!account) return;
  const keys = wanted.map(({ key }) => key);
  const known = await findCreditEntries(tx, workspaceId, keys);
  const other = wanted.find(({ key, amountMicros }) => known.has(key) && known.get(key) !== -amountMicros);
  if (other) throw new ConflictError("reservation_exists", "The reservation was made with another amount.");
  const fresh = wanted.filter(({ key }) => !known.has(key));
  const totalMicros = fresh.reduce((sum, { amountMicros }) => sum + amountMicros, 0);
  if (totalMicros > account.balanceMicros) {
    throw new InsufficientCreditsError(totalMicros, account.balanceMicros);
  }
  const entries = fresh.map(
    ({ key, reference, amountMicros }): NewCreditEntry => ({
      kind: "reserve",
      balanceMicros: -amountMicros,
      reservedMicros: amountMicros,
      reservationId: null,
      reference,
      idempotencyKey: key,
      by: null,
    }),
  );
  await addCreditEntries(tx, workspaceId, entries);
}

export interface EndReservation {
  key: string;
  /** What it has cost: all that is reserved at most. 0: it is refunded. */
  costMicros: number;
}

/**
 * Ends reservations: what they have not cost returns to the balance. Keys that were never reserved are left out: the
 * account was opened later.
 * @throws InvalidInputError for a cost beyond what is reserved, ConflictError where it has ended with another cost
 */
export async function endReservations(
  tx: Tx,
  workspaceId: string,
  ends: readonly EndReservation[],
): Promise<void> {
  if (ends.length === 0 || !(await lockCreditAccount(tx, workspaceId))) return;
  const found = await findReservations(
    tx,
    workspaceId,
    ends.map(({ key }) => key),
  );
  const costs = new Map(ends.map(({ key, costMicros }) => [key, costMicros]));
  const entries = found.flatMap((reservation) => endOf(reservation, costs.get(reservation.key) ?? 0) ?? []);
  await addCreditEntries(tx, workspaceId, entries);
}

/** Null: it has ended so already. */
function endOf(reservation: CreditReservation, costMicros: number): NewCreditEntry | null {
  const { id, key, reference, reservedMicros } = reservation;
  if (reservation.costMicros === costMicros) return null;
  if (reservation.costMicros !== null) {
    throw new ConflictError("reservation_ended", "The reservation has ended with another cost.");
  }
  if (costMicros < 0 || costMicros > reservedMicros) {
    const message = `${reservedMicros} micro-euros are reserved: it cannot have cost ${costMicros}.`;
    throw new InvalidInputError("cost_beyond_reservation", message, { field: "costMicros" });
  }
  return {
    kind: costMicros === 0 ? "refund" : "settle",
    balanceMicros: reservedMicros - costMicros,
    reservedMicros: -reservedMicros,
    reservationId: id,
    reference,
    idempotencyKey: `${key}:end`,
    by: null,
  };
}

const invalidAmount = () =>
  new InvalidInputError("invalid_amount", "Grants and reservations are above 0, adjustments not 0.", {
    field: "amountMicros",
  });
