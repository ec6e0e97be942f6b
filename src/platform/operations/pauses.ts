/**
 * What people pause, and how it waits. Nothing that is under way is broken off; nothing new begins. What arrives waits
 * in Postgres, in its order, and the sweeper lets it go within seconds after the pause was lifted:
 * - work on chunks stays `ready`, or is given back when it was requested before (chunk-work.ts);
 * - an event of any other function goes back into the outbox, in its place ({@link beginUnlessPaused});
 * - what would ask a paused provider, or a paused site, is given back by the run that comes to it (gateway.ts).
 * Why: docs/decisions/0020-operations.md.
 */
import { type Db, inSystem, type Tx } from "#db/client.ts";
import {
  findPauseOfFunction,
  holdEvent,
  insertPause,
  liftPause,
  type Pause,
  releaseEvents,
} from "#db/queries/pauses.ts";
import type { PauseKind } from "#db/schema/pauses.ts";
import { InvalidInputError, NotFoundError } from "#src/domain/errors.ts";
import { markConsumed } from "../outbox.ts";

/** What can be paused by name, in this release. */
export interface Pausable {
  functions: ReadonlySet<string>;
  providers: ReadonlySet<string>;
}

/**
 * Pauses something in a workspace. Pausing what is paused changes nothing, and answers the pause that holds.
 * @throws InvalidInputError when there is no such function or provider
 */
export async function pause(
  tx: Tx,
  pausable: Pausable,
  wanted: { workspaceId: string; kind: PauseKind; target: string; reason: string; by: string },
): Promise<{ id: string; isNew: boolean }> {
  const { kind, target } = wanted;
  const known = { function: pausable.functions, provider: pausable.providers };
  if ((kind === "function" || kind === "provider") && !known[kind].has(target)) {
    const names = [...known[kind]].sort().join(", ");
    throw new InvalidInputError("unknown_target", `There is no ${kind} ${target}; there are ${names}.`, {
      field: "target",
    });
  }
  return insertPause(tx, wanted);
}

/**
 * Lifts a pause; lifting it again changes nothing. Answers whether this call did.
 * @throws NotFoundError
 */
export async function resume(tx: Tx, id: Pause["id"], by: string): Promise<boolean> {
  const lifted = await liftPause(tx, id, by);
  if (lifted === null) throw new NotFoundError("pause_not_found", "There is no such pause.");
  return lifted;
}

/**
 * The first step of a run that works on no chunk: marks its event consumed. False: the function, or its workspace, is
 * paused; the event waits, and the run has to end without having done anything.
 */
export async function beginUnlessPaused(
  tx: Tx,
  functionId: string,
  eventId: string | undefined,
): Promise<boolean> {
  const pauseId = await findPauseOfFunction(tx, functionId);
  if (!pauseId) {
    await markConsumed(tx, eventId);
    return true;
  }
  if (eventId) await holdEvent(tx, eventId, pauseId);
  return false;
}

/** Lets events go whose pause has been lifted. Returns how many. Call it every few seconds. */
export const sweepHeldEvents = (deps: { db: Db }): Promise<number> => inSystem(deps.db, releaseEvents);
