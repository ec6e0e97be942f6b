import { setTimeout as sleep } from "node:timers/promises";
import { KINDS, type Kind } from "./kinds.ts";
import type { CrashWorld } from "./world.ts";

export interface Sent {
  kind: Kind;
  /** Answered 200: from then on the engine must not lose it. */
  accepted: boolean;
}

interface Event {
  name: string;
  id?: string;
  data: { n: number; key: string };
}

/**
 * Sends a mix of events until stopped. Most carry an id and are sent again, with it, until they are accepted; the
 * others are sent once, and whether one without an answer was taken is for the engine to know.
 */
export function startLoad(world: CrashWorld, random: () => number) {
  const sent = new Map<number, Sent>();
  let unanswered: Event[] = [];
  let stopped = false;

  const post = async (events: Event[]): Promise<void> => {
    try {
      const answer = await fetch(`${world.engineUrl}/e/${world.eventKey}`, {
        method: "POST",
        body: JSON.stringify(events),
        signal: AbortSignal.timeout(15_000),
      });
      const body = (await answer.json()) as { ids?: string[] };
      if (answer.status === 200 && body.ids?.length === events.length) {
        for (const { data } of events) (sent.get(data.n) as Sent).accepted = true;
        return;
      }
    } catch {
      // Killed, or gone before it answered.
    }
    unanswered.push(...events.filter((event) => event.id !== undefined));
  };
  const create = (): Event => {
    const n = sent.size;
    const kind = KINDS[Math.floor(random() * KINDS.length)] as Kind;
    sent.set(n, { kind, accepted: false });
    const id = random() < 0.8 ? { id: `crash-${n}` } : {};
    return { name: `crash/${kind}`, ...id, data: { n, key: `k${Math.floor(random() * 4)}` } };
  };
  const running = (async () => {
    const posts = new Set<Promise<void>>();
    while (!stopped) {
      const again = unanswered.splice(0, 20);
      const fresh = Array.from({ length: 1 + Math.floor(random() * 8) }, create);
      for (const events of [again, fresh]) {
        if (events.length === 0) continue;
        const posting = post(events).finally(() => posts.delete(posting));
        posts.add(posting);
      }
      await sleep(60);
    }
    await Promise.all(posts);
  })();
  return {
    sent,
    /** Stops, and sends what has an id and no answer until it has one. */
    stop: async (deadlineMs: number): Promise<void> => {
      stopped = true;
      await running;
      const until = Date.now() + deadlineMs;
      while (unanswered.length > 0) {
        if (Date.now() > until) throw new Error(`${unanswered.length} events were not accepted in time`);
        const events = unanswered;
        unanswered = [];
        await post(events);
        if (unanswered.length > 0) await sleep(200);
      }
    },
  };
}
