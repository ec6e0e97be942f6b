/** Providers that send webhooks at a constant rate, whatever becomes of them, and what there is of them afterwards. */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { type Api, request as callApi } from "#infra/demo/api-client.ts";
import {
  deliveriesOf,
  forged,
  type Happening,
  happeningOf,
  type OutgoingWebhook,
  type Setup,
  type WebhookSender,
  webhookSenders,
} from "#infra/simulator/webhooks/sender.ts";

export type Senders = readonly { sender: WebhookSender; setup: Setup }[];

/** Has webhooks of all simulated providers expected. */
export function expectAll(api: Api): Promise<Senders> {
  return Promise.all(
    webhookSenders.map(async (sender) => {
      const { slug, secret } = sender;
      const answer = await callApi(api, `/webhook-sources/${slug}`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(secret ? { secret } : {}),
      });
      const { data, error } = (await answer.json()) as { data: { setup: Setup } | null; error: unknown };
      if (!data) throw new Error(`No webhooks of ${slug}: ${JSON.stringify(error)}`);
      return { sender, setup: { ...data.setup, ...(secret ? { secret } : {}) } };
    }),
  );
}

export interface Sent {
  /** Ids of messages of which a genuine webhook was answered 200. */
  acknowledged: Set<string>;
  /** Requests that went out, those that were sent again included. */
  requests: number;
  /** First attempts that were answered 200 or 401: ms from the instant at which they were due. */
  latenciesMs: number[];
  /** By status; 0: no answer. */
  answers: Record<number, number>;
  /** Forged ones that were answered otherwise than by 401, or not at all. */
  forgedTaken: number;
  /** Genuine ones that were never answered 200. */
  givenUp: number;
  /** From the first that was due to the last answer. */
  seconds: number;
}

/** Providers try for hours; ours until somebody must look into it. */
const GIVE_UP_MS = 90_000;
const TRY_AGAIN_MS = 500;

/**
 * Sends what happens at `perSecond` for `seconds`, an open loop: each is sent when it is due, however long the ones before
 * it take. What is answered otherwise than 200 is sent again, as providers do.
 */
export async function sendAtRate(
  senders: Senders,
  { perSecond, seconds, seed }: { perSecond: number; seconds: number; seed: string },
): Promise<Sent> {
  const agent = new Agent({ keepAlive: true, maxSockets: 128 });
  const sent: Sent = {
    acknowledged: new Set(),
    requests: 0,
    latenciesMs: [],
    answers: {},
    forgedTaken: 0,
    givenUp: 0,
    seconds: 0,
  };
  const startedAt = performance.now();

  const send = async (webhook: OutgoingWebhook): Promise<number> => {
    sent.requests++;
    const status = await post(agent, webhook).catch(() => 0);
    sent.answers[status] = (sent.answers[status] ?? 0) + 1;
    return status;
  };
  const happen = async (n: number, dueAt: number): Promise<void> => {
    const { sender, setup } = senders[n % senders.length] as Senders[number];
    const happening = happeningOf(seed, n, new Date());
    for (const kind of deliveriesOf(n)) {
      const now = () => sender.webhook(setup, happening, new Date());
      // Only the first of them was due at that instant.
      const from = kind === "forged" || deliveriesOf(n)[0] === "genuine" ? dueAt : performance.now();
      const status = await send(kind === "forged" ? forged(now()) : now());
      if (status === 200 || status === 401) sent.latenciesMs.push(performance.now() - from);
      if (kind === "forged") sent.forgedTaken += status === 401 || status === 503 || status === 0 ? 0 : 1;
      else if (status === 200) sent.acknowledged.add(happening.messageId);
      else await again(now, happening);
    }
  };
  const again = async (webhook: () => OutgoingWebhook, { messageId }: Happening): Promise<void> => {
    const giveUpAt = performance.now() + GIVE_UP_MS;
    while (performance.now() < giveUpAt) {
      await sleep(TRY_AGAIN_MS);
      if ((await send(webhook())) === 200) {
        sent.acknowledged.add(messageId);
        return;
      }
    }
    sent.givenUp++;
  };

  const happenings: Promise<void>[] = [];
  const total = perSecond * seconds;
  while (happenings.length < total) {
    const n = happenings.length;
    const dueAt = startedAt + (n * 1_000) / perSecond;
    const early = dueAt - performance.now();
    if (early > 0) await sleep(early);
    happenings.push(happen(n, dueAt));
  }
  await Promise.all(happenings);
  sent.seconds = (performance.now() - startedAt) / 1_000;
  agent.destroy();
  return sent;
}

function post(agent: Agent, { url, headers, body }: OutgoingWebhook): Promise<number> {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.from(body);
    const outgoing = request(
      url,
      { method: "POST", agent, headers: { ...headers, "content-length": bytes.length }, timeout: 15_000 },
      (answer) => {
        answer.resume();
        answer.once("end", () => resolve(answer.statusCode ?? 0));
        answer.once("error", reject);
      },
    );
    outgoing.once("timeout", () => outgoing.destroy(new Error("no answer")));
    outgoing.once("error", reject);
    outgoing.end(bytes);
  });
}

export interface Kept {
  /** Acknowledged, and no event tells of them. */
  lost: number;
  /** Stored, or told of, more than once. */
  doubled: number;
  unparsed: number;
  /** Until the last of them was told of in our words, after the last answer. */
  normalisedAfterMs: number;
}

/** Waits until all that was acknowledged is normalised, for as long as that goes on, and compares. */
export async function compareWithKept(db: pg.Pool, { acknowledged }: Sent): Promise<Kept> {
  const startedAt = performance.now();
  let waiting = Number.POSITIVE_INFINITY;
  for (let idleSince = performance.now(); performance.now() - idleSince < 60_000; ) {
    const { rows } = await db.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM webhook_deliveries WHERE status = 'received'",
    );
    const now = rows[0]?.n ?? 0;
    if (now === 0) break;
    if (now !== waiting) idleSince = performance.now();
    waiting = now;
    await sleep(100);
  }
  const normalisedAfterMs = performance.now() - startedAt;
  // Each event belongs to a delivery, whose body is stored: a foreign key sees to that.
  const { rows } = await db.query<{ ref: string; n: number }>(
    "SELECT message_ref AS ref, count(*)::int AS n FROM inbound_events GROUP BY 1",
  );
  const told = new Map(rows.map(({ ref, n }) => [ref, n]));
  const { rows: counts } = await db.query<{ unparsed: number; deliveries: number }>(
    `SELECT count(*) FILTER (WHERE status = 'unparsed')::int AS unparsed, count(*)::int AS deliveries
     FROM webhook_deliveries`,
  );
  return {
    lost: [...acknowledged].filter((id) => !told.has(id)).length,
    doubled: rows.filter(({ n }) => n > 1).length + Math.abs((counts[0]?.deliveries ?? 0) - told.size),
    unparsed: counts[0]?.unparsed ?? 0,
    normalisedAfterMs: Math.round(normalisedAfterMs),
  };
}

/** The smallest of the values that `share` of all are not above. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
