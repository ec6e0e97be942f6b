/** Counts refused webhooks by day, and writes the counts once a second: a flood of them is no flood of writes. */
import { type Db, inWorkspace } from "#db/client.ts";
import { addRefusals, type Refusals } from "#db/queries/webhook-refusals.ts";
import type { Logger } from "../logger.ts";

const EVERY_MS = 1_000;

export class RefusalTally {
  readonly #deps: { db: Db; logger: Logger; now: () => Date };
  #counts = new Map<string, { workspaceId: string; refusals: Refusals }>();
  #timer: NodeJS.Timeout | null = null;

  constructor(deps: { db: Db; logger: Logger; now: () => Date }) {
    this.#deps = deps;
  }

  /** A process that is killed loses what it has counted in the last second. */
  add(workspaceId: string, provider: string, reason: string): void {
    const day = this.#deps.now().toISOString().slice(0, 10);
    const key = [workspaceId, provider, day, reason].join(" ");
    const counted = this.#counts.get(key);
    if (counted) counted.refusals.count++;
    else this.#counts.set(key, { workspaceId, refusals: { provider, day, reason, count: 1 } });
    this.#timer ??= setTimeout(() => void this.#write(), EVERY_MS).unref();
  }

  async #write(): Promise<void> {
    this.#timer = null;
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    for (const [workspaceId, of] of Map.groupBy(counts, (each) => each.workspaceId)) {
      const refusals = of.map((each) => each.refusals);
      await inWorkspace(this.#deps.db, workspaceId, (tx) => addRefusals(tx, workspaceId, refusals)).catch(
        (error: unknown) =>
          this.#deps.logger.warn({ err: error, workspaceId }, "refused webhooks were not counted"),
      );
    }
  }
}
