/**
 * Requests that may be repeated (`Idempotency-Key`): carried out once, answered as often as they are asked.
 *
 * A key is claimed before the request is carried out. The transaction that does what the request asks for also marks the
 * key as done, so that after a crash at any moment it is known whether there was an effect: without one the next attempt
 * is free to carry the request out, with one it never is. Why: docs/decisions/0013-api.md.
 */
import { createHash } from "node:crypto";
import { type Db, inWorkspace, type Tx } from "#db/client.ts";
import {
  claimKey,
  type KeyClaim,
  type KeyState,
  markKeyDone,
  releaseKey,
  removeExpiredKeys,
  storeAnswer,
} from "#db/queries/idempotency-keys.ts";
import { ConflictError, InvalidInputError } from "#src/domain/errors.ts";
import type { Logger } from "./logger.ts";
import type { Vault } from "./vault.ts";

const KEEP_MS = 24 * 3_600_000;
/** An attempt that has had no effect for so long is taken to be dead. If it is not, it will be refused its effect. */
const LEASE_MS = 60_000;

export interface RepeatableRequest {
  workspaceId: string;
  /** As the caller sent it. */
  key: string;
  /** All that makes the request what it is: who asks, for what, with which body. */
  parts: readonly string[];
  /** A UUID of this attempt's own. */
  attemptId: string;
}

/** What carries a request out under its key. */
export interface Attempt<Answer> {
  /**
   * To be called in the transaction of the effect.
   * @throws ConflictError when another attempt has taken over
   */
  markDone(tx: Tx): Promise<void>;
  /** Keeps the answer, for those who ask again. */
  answered(answer: Answer): Promise<void>;
  /** Nothing was done: the key is free again. Does nothing when something was. */
  release(): Promise<void>;
}

export interface Idempotency {
  /**
   * @returns the answer of an earlier attempt, or what it takes to carry the request out
   * @throws ConflictError while an attempt is under way, and where one died between effect and answer;
   * InvalidInputError when the key belongs to another request
   */
  begin<Answer>(request: RepeatableRequest): Promise<{ replayed: Answer } | { attempt: Attempt<Answer> }>;
}

export function createIdempotency({
  db,
  vault,
  logger,
}: {
  db: Db;
  vault: Vault;
  logger: Logger;
}): Idempotency {
  const sealedAs = ({ workspaceId, keySha256 }: KeyClaim) => ({
    workspaceId,
    field: `idempotency_keys.answer:${keySha256}`,
  });
  return {
    async begin<Answer>({ workspaceId, key, parts, attemptId }: RepeatableRequest) {
      const claim: KeyClaim = {
        workspaceId,
        keySha256: sha256(key),
        requestSha256: sha256(JSON.stringify(parts)),
        claimId: attemptId,
      };
      const taken = await inWorkspace(db, workspaceId, async (tx) => {
        await removeExpiredKeys(tx, workspaceId);
        return claimKey(tx, claim, { leaseMs: LEASE_MS, keepMs: KEEP_MS });
      });
      if (taken)
        return { replayed: JSON.parse(vault.open(sealedAs(claim), answerOf(claim, taken))) as Answer };
      const attempt: Attempt<Answer> = {
        async markDone(tx) {
          if (await markKeyDone(tx, claim)) return;
          throw new ConflictError("idempotency_in_progress", "A later attempt with this key has taken over.");
        },
        async answered(answer) {
          const sealed = vault.seal(sealedAs(claim), JSON.stringify(answer));
          // It is done, and will be answered now: only a repetition misses what could not be kept.
          await inWorkspace(db, workspaceId, (tx) => storeAnswer(tx, claim, sealed)).catch((error: unknown) =>
            logger.warn({ err: error, workspaceId }, "the answer for an idempotency key was not kept"),
          );
        },
        async release() {
          // If it cannot be given back now, its lease runs out.
          await inWorkspace(db, workspaceId, (tx) => releaseKey(tx, claim)).catch(() => {});
        },
      };
      return { attempt };
    },
  };
}

function answerOf({ requestSha256 }: KeyClaim, state: KeyState): string {
  if (state.requestSha256 !== requestSha256) {
    throw new InvalidInputError(
      "idempotency_key_reused",
      "This Idempotency-Key belongs to another request: use a new one for each.",
    );
  }
  if (state.answer !== null) return state.answer;
  if (state.done && !state.justDone) {
    throw new ConflictError(
      "idempotency_answer_lost",
      "This request was carried out, but its answer was lost: look for what it has made. It is not done again.",
    );
  }
  throw new ConflictError(
    "idempotency_in_progress",
    "A request with this Idempotency-Key is under way: ask again in a minute.",
  );
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
