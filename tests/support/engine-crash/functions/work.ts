import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { note } from "../ledger.ts";

const { LEDGER = "" } = process.env;

/** The id of the engine's call that is being answered. */
export const request = new AsyncLocalStorage<string>();

/** The code of a step: notes that it runs, works a moment (up to 40 ms, unless told), and returns its own mark. */
export function work(
  run: { runId: string; attempt: number },
  step: string,
  { seen = [], fails = false, forMs }: { seen?: string[]; fails?: boolean; forMs?: number } = {},
): () => Promise<string> {
  return async () => {
    const mark = randomUUID();
    const { runId, attempt } = run;
    const facts = { request: request.getStore() ?? "", run: runId, step, attempt, mark, seen: [...seen] };
    note(LEDGER, { kind: "start", ...facts, atMs: Date.now() });
    await sleep(forMs ?? Math.random() * 40);
    note(LEDGER, { kind: fails ? "threw" : "end", mark, atMs: Date.now() });
    if (fails) throw new Error("on purpose");
    return mark;
  };
}

/** Notes what a run's wait ended with, each time its function goes on after it. */
export function noteWoken(runId: string, number: unknown): void {
  note(LEDGER, { kind: "woke", run: runId, with: typeof number === "number" ? number : null });
}

/** Notes a call of the engine as it comes in. */
export function noteCall(id: string, body: unknown): void {
  const { ctx, steps, events } = body as {
    ctx: { run_id: string };
    steps: object;
    events: { data: { n?: number } }[];
  };
  note(LEDGER, {
    kind: "call",
    request: id,
    run: ctx.run_id,
    carried: Object.keys(steps),
    events: events.flatMap(({ data }) => data.n ?? []),
  });
}
