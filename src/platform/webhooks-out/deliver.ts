/**
 * One attempt to deliver one message. It is written down before it is made and after it: a process that dies in between
 * leaves a delivery that is overdue, which is sent again under the same id. So receivers get each message at least once.
 */
import { type Db, inSystem, inWorkspace, type Tx } from "#db/client.ts";
import {
  type AttemptResult,
  claimOverdue,
  endAttempt,
  overdueDeliveries,
  recordAttempt,
  type TakenDelivery,
  takeDelivery,
} from "#db/queries/endpoint-deliveries.ts";
import { type DisabledReason, disableEndpoint, noteOutcome } from "#db/queries/webhook-endpoints.ts";
import { FAILING_MS, nextAttemptMs } from "#src/domain/webhooks-out.ts";
import { type WebhookDue, webhookDue } from "#src/events/webhooks-out.ts";
import { addToOutbox } from "../outbox.ts";
import { type SafeFetch, SafeFetchError } from "../safe-fetch.ts";
import type { Vault } from "../vault.ts";
import { announce } from "./announce.ts";
import { signedHeaders } from "./signing.ts";

export interface WebhookDeps {
  db: Db;
  vault: Vault;
  /** Reaches public addresses only. */
  webhookFetch: SafeFetch;
  now: () => Date;
}

const TIMEOUT_MS = 10_000;
const KEPT_BYTES = 1_024;
const USER_AGENT = "Cerniq-Webhooks/1";

/** What vault and secret agree on. */
export const secretContext = (workspaceId: string, endpointId: string) => ({
  workspaceId,
  field: `webhook_endpoints.secret:${endpointId}`,
});

export type DeliveryOutcome = "delivered" | "again" | "failed" | "superseded" | "paused";

/**
 * @param begin in the transaction that takes the delivery; false: not now
 * @returns what came of it; "superseded": it was somebody else's, or is over
 */
export async function deliver(
  deps: WebhookDeps,
  due: WebhookDue,
  begin: (tx: Tx) => Promise<boolean> = async () => true,
): Promise<DeliveryOutcome> {
  const { workspaceId, deliveryId } = due;
  const taken = await inWorkspace(deps.db, workspaceId, async (tx) =>
    (await begin(tx)) ? takeDelivery(tx, deliveryId, due.attempts) : ("paused" as const),
  );
  if (taken === "paused") return "paused";
  if (!taken) return "superseded";
  const answer = await attempt(deps, workspaceId, taken);
  return inWorkspace(deps.db, workspaceId, (tx) => conclude(tx, deps, due, { ...answer, type: taken.type }));
}

interface Answer extends AttemptResult {
  succeeded: boolean;
  retryAfterMs: number;
}

async function attempt(deps: WebhookDeps, workspaceId: string, taken: TakenDelivery): Promise<Answer> {
  const { vault, now } = deps;
  const at = now();
  const startedAt = performance.now();
  const done = (result: Omit<Answer, "durationMs">): Answer => ({
    ...result,
    durationMs: Math.round(performance.now() - startedAt),
  });
  const context = secretContext(workspaceId, taken.endpointId);
  const overlaps = taken.previousUntil !== null && new Date(taken.previousUntil) > at;
  const previous = overlaps && taken.previousSealed ? [vault.open(context, taken.previousSealed)] : [];
  const { messageId: id, type, data, messageAt: timestamp } = taken;
  const body = JSON.stringify({ id, type, timestamp, data });
  try {
    const {
      status,
      headers,
      body: answer,
    } = await deps.webhookFetch(taken.url, {
      body,
      headers: {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        ...signedHeaders([vault.open(context, taken.secretSealed), ...previous], { id, at, body }),
      },
      timeoutMs: TIMEOUT_MS,
      maxBytes: KEPT_BYTES,
      cut: true,
      contentTypes: "any",
      // Where it leads to is not what the workspace has entered.
      maxRedirects: 0,
    });
    return done({
      succeeded: status >= 200 && status < 300,
      httpStatus: status,
      errorCode: null,
      // Postgres takes no NUL.
      response: answer.toString("utf8").replaceAll("\0", ""),
      retryAfterMs: retryAfterMs(headers["retry-after"], at),
    });
  } catch (error) {
    if (!(error instanceof SafeFetchError)) throw error;
    return done({
      succeeded: false,
      httpStatus: null,
      errorCode: error.reason,
      response: null,
      retryAfterMs: 0,
    });
  }
}

/** Seconds or a date, as HTTP has them. */
function retryAfterMs(header: string | undefined, now: Date): number {
  if (!header) return 0;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now.getTime();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

/** Writes down how it went, and what follows: another attempt, an end, an endpoint that is sent nothing any more. */
async function conclude(
  tx: Tx,
  { now }: WebhookDeps,
  { workspaceId, endpointId, deliveryId, attempts: before }: WebhookDue,
  answer: Answer & { type: string },
): Promise<DeliveryOutcome> {
  const attempts = before + 1;
  await recordAttempt(tx, workspaceId, deliveryId, answer);
  const failingSince = await noteOutcome(tx, endpointId, answer.succeeded, now());
  if (answer.succeeded) {
    return (await endAttempt(tx, deliveryId, attempts, { status: "delivered" })) ? "delivered" : "superseded";
  }
  const reason = disablingReason(answer, failingSince, now());
  // A test is over when somebody has seen what came of it.
  const last = reason !== null || answer.type === "ping";
  const inMs = last ? null : nextAttemptMs(attempts, Math.random(), answer.retryAfterMs);
  const ended = await endAttempt(
    tx,
    deliveryId,
    attempts,
    inMs === null ? { status: "failed" } : { status: "pending", inMs },
  );
  if (reason && (await disableEndpoint(tx, endpointId, reason))) {
    await announce(tx, workspaceId, "endpoint.disabled", { endpointId, reason });
  }
  if (!ended) return "superseded";
  if (inMs === null) return "failed";
  const next = webhookDue.create({ workspaceId, endpointId, deliveryId, attempts });
  await addToOutbox(tx, [next], { sendAfterMs: inMs });
  return "again";
}

function disablingReason(
  { httpStatus }: Answer,
  failingSince: Date | null,
  now: Date,
): DisabledReason | null {
  if (httpStatus === 410) return "gone";
  const failingMs = failingSince ? now.getTime() - failingSince.getTime() : 0;
  return failingMs >= FAILING_MS ? "failing" : null;
}

const SWEEP = 200;

/** Asks again for what was to be sent, and nobody has heard of since. Returns how many. Call it every few seconds. */
export async function sweepDeliveries({ db }: { db: Db }): Promise<number> {
  const overdue = await inSystem(db, (tx) => overdueDeliveries(tx, SWEEP));
  for (const { workspaceId, id } of overdue) {
    await inWorkspace(db, workspaceId, async (tx) => {
      const claimed = await claimOverdue(tx, id);
      if (!claimed) return;
      const { endpointId, attempts } = claimed;
      await addToOutbox(tx, [webhookDue.create({ workspaceId, endpointId, deliveryId: id, attempts })]);
    });
  }
  return overdue.length;
}
