/**
 * Events leave through a table: written in the transaction of the change that causes them, sent by a relay with
 * the row's id as event id, marked consumed by the run they start, and sent again with the same id while nobody
 * has. A killed engine forgets events that it has accepted; this does not.
 */
import type { Inngest } from "inngest";
import { v7 as uuidv7 } from "uuid";
import { z } from "zod";
import { type Db, inSystem, type Tx } from "#db/client.ts";
import {
  claimDueEvents,
  consumeEvent,
  deferEvents,
  deleteConsumedEvents,
  insertEvents,
  type NewEvent,
} from "#db/queries/outbox.ts";
import type { Logger } from "./logger.ts";
import { outgoingTrace } from "./tracing.ts";

const UUID = z.uuid();

/**
 * Writes events of `src/events` into the outbox of the caller's transaction. They are sent after it commits, and only then.
 * @param sendAfterMs wait at least this long before the first sending (default none)
 * @param eachMs each waits so much longer than the one before it (default none)
 */
export async function addToOutbox(
  tx: Tx,
  events: readonly Omit<NewEvent, "id">[],
  { sendAfterMs = 0, eachMs = 0 } = {},
): Promise<void> {
  if (events.length === 0) return;
  const trace = outgoingTrace();
  const rows = events.map(({ name, data }) => ({
    id: uuidv7(),
    name,
    data: trace ? { ...data, trace } : data,
  }));
  await insertEvents(tx, rows, { sendAfterMs, eachMs });
}

/** Marks an event taken up: call it in the first step of the run that it starts. */
export async function markConsumed(tx: Tx, eventId: string | undefined): Promise<void> {
  // An event with another kind of id has not come from the outbox.
  if (!UUID.safeParse(eventId).success) return;
  await consumeEvent(tx, eventId as string);
}

/** The relay of one process; each replica has one, and they share the work. */
export interface OutboxRelay {
  stop(): Promise<void>;
}

const BATCH = 200;
const IDLE_POLL_MS = 100;
const PAUSE_AFTER_ERROR_MS = 1000;
/** Consumed events stay as a record for this long. */
const KEEP_CONSUMED_MS = 7 * 24 * 3_600_000;
const CLEAN_UP_EVERY_MS = 10 * 60_000;

/**
 * Starts sending what is due, until stopped.
 * @param resendMs an event unconsumed for this long is sent again; doubled at each sending, at most ten minutes
 */
export function startOutboxRelay(deps: {
  db: Db;
  inngest: Inngest.Any;
  logger: Logger;
  resendMs: number;
}): OutboxRelay {
  const { db, inngest, logger, resendMs } = deps;
  let stopped = false;
  let wake = () => {};
  let lastCleanUp = Date.now();

  const sendBatch = async (): Promise<number> => {
    const due = await inSystem(db, (tx) => claimDueEvents(tx, { limit: BATCH, resendMs }));
    if (due.length === 0) return 0;
    try {
      await inngest.send(due.map(({ id, name, data }) => ({ id, name, data })));
    } catch (error) {
      // The claim has already set the next sending far ahead: bring it back, the engine is only away.
      await inSystem(db, (tx) =>
        deferEvents(
          tx,
          due.map((event) => event.id),
          PAUSE_AFTER_ERROR_MS,
        ),
      );
      throw error;
    }
    const again = due.filter((event) => event.sends > 1).length;
    if (again > 0) logger.info({ events: again }, "sent events again that no run had taken up");
    return due.length;
  };

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      if (stopped) {
        resolve();
        return;
      }
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const run = async () => {
    while (!stopped) {
      try {
        if ((await sendBatch()) === BATCH) continue;
        if (Date.now() - lastCleanUp > CLEAN_UP_EVERY_MS) {
          lastCleanUp = Date.now();
          await inSystem(db, (tx) => deleteConsumedEvents(tx, KEEP_CONSUMED_MS));
        }
        await pause(IDLE_POLL_MS);
      } catch (error) {
        if (!stopped) {
          logger.warn({ err: error }, "outbox: sending failed, trying again");
          await pause(PAUSE_AFTER_ERROR_MS);
        }
      }
    }
  };
  const done = run();

  return {
    async stop() {
      stopped = true;
      wake();
      await done;
    },
  };
}
