/** Credit accounts and their ledger. Whoever adds entries has locked the account first. */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import type { creditKinds } from "#db/schema/credits.ts";

export interface CreditAccount {
  balanceMicros: number;
  /** By reservations that are open. It has left the balance. */
  reservedMicros: number;
}

export async function readCreditAccount(tx: Tx, workspaceId: string): Promise<CreditAccount | null> {
  const { rows } = await tx.execute<CreditAccount & Record<string, unknown>>(sql`
    SELECT ${ACCOUNT} FROM credit_accounts WHERE workspace_id = ${workspaceId}`);
  return rows[0] ?? null;
}

/** Until the transaction ends nobody else moves it. Null: the workspace has none. */
export async function lockCreditAccount(tx: Tx, workspaceId: string): Promise<CreditAccount | null> {
  const { rows } = await tx.execute<CreditAccount & Record<string, unknown>>(sql`
    SELECT ${ACCOUNT} FROM credit_accounts WHERE workspace_id = ${workspaceId} FOR UPDATE`);
  return rows[0] ?? null;
}

/** Empty, if there is none yet. */
export async function openCreditAccount(tx: Tx, workspaceId: string): Promise<void> {
  await tx.execute(sql`
    INSERT INTO credit_accounts (workspace_id) VALUES (${workspaceId}) ON CONFLICT DO NOTHING`);
}

export interface NewCreditEntry {
  kind: (typeof creditKinds)[number];
  /** What it adds to the balance, and to what is reserved. */
  balanceMicros: number;
  reservedMicros: number;
  /** The reservation that it ends. */
  reservationId: string | null;
  reference: string;
  idempotencyKey: string;
  /** Null: the engine itself. */
  by: string | null;
}

/**
 * The account moves with them.
 * @throws the database's check violation when the balance would fall below zero, its unique violation for a repetition
 */
export async function addCreditEntries(
  tx: Tx,
  workspaceId: string,
  entries: readonly NewCreditEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  await tx.execute(sql`
    INSERT INTO credit_entries (workspace_id, kind, balance_micros, reserved_micros, reservation_id, reference,
      idempotency_key, created_by)
    SELECT ${workspaceId}::uuid, e.kind, e."balanceMicros", e."reservedMicros", e."reservationId", e.reference,
      e."idempotencyKey", e.by
    FROM jsonb_to_recordset(${JSON.stringify(entries)}::jsonb) AS e (
      kind text, "balanceMicros" bigint, "reservedMicros" bigint, "reservationId" uuid, reference text,
      "idempotencyKey" text, by text)`);
}

/** What entries with these keys have added to the balance. */
export async function findCreditEntries(
  tx: Tx,
  workspaceId: string,
  keys: readonly string[],
): Promise<Map<string, number>> {
  const { rows } = await tx.execute<{ key: string; balanceMicros: number }>(sql`
    SELECT idempotency_key AS key, balance_micros AS "balanceMicros" FROM credit_entries
    WHERE workspace_id = ${workspaceId} AND idempotency_key = ANY(${sql.param(keys)}::text[])`);
  return new Map(rows.map(({ key, balanceMicros }) => [key, balanceMicros]));
}

export interface CreditReservation {
  id: string;
  key: string;
  reference: string;
  reservedMicros: number;
  /** What it has cost in the end; null: it is open. */
  costMicros: number | null;
}

export async function findReservations(
  tx: Tx,
  workspaceId: string,
  keys: readonly string[],
): Promise<CreditReservation[]> {
  const { rows } = await tx.execute<CreditReservation & Record<string, unknown>>(sql`
    SELECT r.id, r.idempotency_key AS key, r.reference, r.reserved_micros AS "reservedMicros",
           -e.reserved_micros - e.balance_micros AS "costMicros"
    FROM credit_entries r LEFT JOIN credit_entries e ON e.reservation_id = r.id
    WHERE r.workspace_id = ${workspaceId} AND r.idempotency_key = ANY(${sql.param(keys)}::text[])
      AND r.kind = 'reserve'`);
  return rows;
}

export interface CreditEntry {
  id: string;
  kind: (typeof creditKinds)[number];
  balanceMicros: number;
  reservedMicros: number;
  reservationId: string | null;
  reference: string;
  createdBy: string | null;
  createdAt: string;
}

/** The newest first. */
export async function listCreditEntries(
  tx: Tx,
  workspaceId: string,
  { beforeId, limit }: { beforeId: string | null; limit: number },
): Promise<CreditEntry[]> {
  const { rows } = await tx.execute<CreditEntry & Record<string, unknown>>(sql`
    SELECT id, kind, balance_micros AS "balanceMicros", reserved_micros AS "reservedMicros",
           reservation_id AS "reservationId", reference, created_by AS "createdBy",
           to_jsonb(created_at) #>> '{}' AS "createdAt"
    FROM credit_entries
    WHERE workspace_id = ${workspaceId} AND (${beforeId}::uuid IS NULL OR id < ${beforeId})
    ORDER BY id DESC LIMIT ${limit}`);
  return rows;
}

export interface CreditCheck extends CreditAccount {
  workspaceId: string;
  /** What the ledger adds up to. */
  ledgerBalanceMicros: number;
  ledgerReservedMicros: number;
  /** Of reservations without an end. */
  openMicros: number;
}

/** Accounts whose ledger adds up to something else than they say: there should be none. */
export async function unbalancedAccounts(tx: Tx): Promise<CreditCheck[]> {
  const { rows } = await tx.execute<CreditCheck & Record<string, unknown>>(sql`
    SELECT * FROM (
      SELECT a.workspace_id AS "workspaceId", a.balance_micros AS "balanceMicros",
             a.reserved_micros AS "reservedMicros",
             coalesce(sum(e.balance_micros), 0)::bigint AS "ledgerBalanceMicros",
             coalesce(sum(e.reserved_micros), 0)::bigint AS "ledgerReservedMicros",
             coalesce(sum(e.reserved_micros) FILTER (WHERE e.kind = 'reserve' AND NOT EXISTS (
               SELECT FROM credit_entries ended WHERE ended.reservation_id = e.id)), 0)::bigint AS "openMicros"
      FROM credit_accounts a LEFT JOIN credit_entries e USING (workspace_id)
      GROUP BY a.workspace_id
    ) sums
    WHERE ("balanceMicros", "reservedMicros") <> ("ledgerBalanceMicros", "ledgerReservedMicros")
       OR "openMicros" <> "reservedMicros"`);
  return rows;
}

const ACCOUNT = sql`balance_micros AS "balanceMicros", reserved_micros AS "reservedMicros"`;
