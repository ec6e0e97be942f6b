import { setTimeout as sleep } from "node:timers/promises";
import { KINDS, type Kind } from "./kinds.ts";
import { followLedger } from "./ledger.ts";
import type { CrashWorld } from "./world.ts";

/** An event that was sent; also that for which a waiter waits, and that which stops a stoppable run. */
export interface Sent {
  kind: Kind | "answer" | "stop";
  key: string;
  /** Of an answer and a stop: the number of the event whose run it is for. */
  of?: number;
  /** Before it was sent for the first time. */
  sentAtMs: number;
  /** After it was answered 200, from when on the engine must not lose it; null when it never was. */
  acceptedAtMs: number | null;
}

/** A signal that was sent, once. */
export interface SentSignal {
  /** The number of the event whose run it is for. */
  of: number;
  sentAtMs: number;
  /** Null when there was no answer: whether it was taken is for the engine to know. */
  answer: { status: number; runId: string | null; atMs: number } | null;
}

interface Event {
  name: string;
  id?: string;
  data: { n: number; key: string; of?: number };
}

/** What follows an event after a delay, for kinds that wait for something. */
const FOLLOW_UPS: Partial<Record<Kind, "answer" | "stop" | "signal">> = {
  waiter: "answer",
  stoppable: "stop",
  signalled: "signal",
};
/** What follows comes within this time of a run's last call: most of it while it waits, some too late. */
const FOLLOWS_WITHIN_MS = 2_500;

/** To be sent at that instant. */
interface Later {
  /** The event with whose run's next call the delay begins anew; null for one that does not wait for its run. */
  after: number | null;
  delayMs: number;
  /** Null until there was such a call. */
  dueAtMs: number | null;
  send: () => Promise<void>;
}

/** Events before each kill, what follows some of them included: a machine that is slow to kill gets no more. */
const EVENTS_PER_KILL = 100;

/**
 * Sends a mix of events until stopped, and what some of them wait for. Most events carry an id and are sent again,
 * with it, until they are accepted; the others are sent once, and whether one without an answer was taken is for
 * the engine to know.
 */
export function startLoad(world: CrashWorld, random: () => number) {
  const sent = new Map<number, Sent>();
  const signals = new Map<number, SentSignal>();
  let numbers = 0;
  const unanswered: Event[] = [];
  let later: Later[] = [];
  let stopped = false;
  let heardAtMs = Date.now();
  const posts = new Set<Promise<void>>();
  const newFacts = followLedger(world.ledger);

  const post = async (events: Event[]): Promise<void> => {
    for (const { name, data } of events) {
      if (sent.has(data.n)) continue;
      const { n, ...rest } = data;
      const kind = name.slice("crash/".length) as Sent["kind"];
      sent.set(n, { kind, ...rest, sentAtMs: Date.now(), acceptedAtMs: null });
    }
    const answer = await postJson(`${world.engineUrl}/e/${world.eventKey}`, {}, events);
    const { ids } = (answer?.body ?? {}) as { ids?: string[] };
    if (answer?.status === 200 && ids?.length === events.length) {
      for (const { data } of events) (sent.get(data.n) as Sent).acceptedAtMs = Date.now();
    } else unanswered.push(...events.filter((event) => event.id !== undefined));
  };
  const signal = async (of: number, n: number): Promise<void> => {
    const one: SentSignal = { of, sentAtMs: Date.now(), answer: null };
    signals.set(n, one);
    const headers = { authorization: `Bearer ${world.signingKey}` };
    const answer = await postJson(`${world.engineUrl}/v1/signals`, headers, {
      signal: `signal-${of}`,
      data: { n },
    });
    if (answer?.status !== 200 && answer?.status !== 404) return;
    const { data } = answer.body as { data: { run_id: string } | null };
    one.answer = { status: answer.status, runId: data?.run_id ?? null, atMs: Date.now() };
  };
  const underWay = (posting: Promise<void>): void => {
    posts.add(posting);
    void posting.finally(() => posts.delete(posting));
  };
  const event = (kind: string, rest: { key: string; of?: number }): Event => {
    const n = numbers++;
    const id = random() < 0.8 ? { id: `crash-${n}` } : {};
    return { name: `crash/${kind}`, ...id, data: { n, ...rest } };
  };
  const create = (): Event => {
    const kind = KINDS[Math.floor(random() * KINDS.length)] as Kind;
    const first = event(kind, { key: `k${Math.floor(random() * 2)}` });
    const follow = FOLLOW_UPS[kind];
    // None, or several, of which the run must take one at most.
    const count = follow ? Math.floor(random() * 4) : 0;
    for (let index = 0; index < count; index++) {
      const { n: of, key } = first.data;
      const delayMs = random() * FOLLOWS_WITHIN_MS;
      const after = random() < 0.2 ? null : of;
      const dueAtMs = after === null ? Date.now() + delayMs : null;
      if (follow === "signal") {
        const n = numbers++;
        later.push({ after, delayMs, dueAtMs, send: () => signal(of, n) });
      } else {
        const next = event(follow as string, { key, of });
        later.push({ after, delayMs, dueAtMs, send: () => post([next]) });
      }
    }
    return first;
  };
  const tick = async (fresh: Event[]): Promise<void> => {
    const nowMs = Date.now();
    const facts = newFacts();
    if (facts.length > 0) heardAtMs = nowMs;
    const called = new Set(facts.flatMap((fact) => (fact.kind === "call" ? fact.events : [])));
    for (const one of later)
      if (one.after !== null && called.has(one.after)) one.dueAtMs = nowMs + one.delayMs;
    const isDue = ({ dueAtMs }: Later) => dueAtMs !== null && dueAtMs <= nowMs;
    const due = later.filter(isDue);
    later = later.filter((one) => !isDue(one));
    for (const { send } of due) underWay(send());
    for (const events of [unanswered.splice(0, 20), fresh]) if (events.length > 0) underWay(post(events));
    await sleep(60);
  };
  /** A stoppable run may be stopped before its first call, an event without an answer may have started none. */
  const willBeSent = ({ after, dueAtMs }: Later): boolean => {
    const event = sent.get(after ?? -1);
    return dueAtMs !== null || (event?.kind !== "stoppable" && typeof event?.acceptedAtMs === "number");
  };
  const running = (async () => {
    while (!stopped) {
      const isEnough = numbers >= EVENTS_PER_KILL * (world.kills.length + 1);
      await tick(isEnough ? [] : Array.from({ length: 1 + Math.floor(random() * 4) }, create));
    }
  })();
  const awaited = (): string => {
    const uncalled = later.filter(willBeSent).map(({ after }) => after);
    return `${unanswered.length} events to be accepted, ${posts.size} answers, calls of the events ${uncalled}`;
  };
  return {
    sent,
    signals,
    /**
     * Begins nothing more; sends what is to follow, and what has an id and no answer until it has one. Fails when
     * nothing is heard of the app for so long.
     */
    stop: async (silenceMs: number): Promise<void> => {
      stopped = true;
      await running;
      heardAtMs = Date.now();
      while (later.some(willBeSent) || unanswered.length + posts.size > 0) {
        if (Date.now() > heardAtMs + silenceMs) throw new Error(`still awaited: ${awaited()}`);
        await tick([]);
      }
    },
  };
}

/** The answer to a POST of JSON; null when there is none, because somebody was killed. */
async function postJson(
  url: string,
  headers: Record<string, string>,
  body: unknown,
): Promise<{ status: number; body: unknown } | null> {
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15_000),
    });
    return { status: answer.status, body: await answer.json() };
  } catch {
    return null;
  }
}
