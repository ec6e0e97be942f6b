import type { AppClient } from "../executor/app-client.ts";
import type { Executor } from "../executor/executor.ts";
import type { Signer } from "../executor/signer.ts";
import type { Log } from "../log.ts";
import type { Metrics, Sample } from "../metrics.ts";
import { canonicalJson } from "../protocol/canonical-json.ts";
import type { FunctionSpec } from "../protocol/functions.ts";
import { verifyBody } from "../protocol/signing.ts";
import type { SyncRequest, SyncResult } from "../registry.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import { ItemKind } from "../state/rows.ts";
import { BulkOperations } from "./bulk.ts";
import { type Rerun, type RerunPorts, rerun } from "./rerun.ts";

export interface OperationPorts extends RerunPorts {
  config: { signingKeys: string[] };
  log: Log;
  metrics: Metrics;
  client: AppClient;
  signer: Signer;
  scheduler: Scheduler;
  executor: Executor;
  cancel: (runId: string, reason: string) => Promise<boolean>;
  sync: (request: SyncRequest) => Promise<SyncResult>;
}

/** Why an item is not being executed, for the gauge of waiting work. */
const TIMER_REASONS: Record<number, string> = {
  [ItemKind.sleep]: "sleep",
  [ItemKind.invokeTimeout]: "invoke",
  [ItemKind.cron]: "cron",
  [ItemKind.waitTimeout]: "event_or_signal",
};

/** What people may do to functions and runs, beside what the SDK asks for. */
export class Operations {
  readonly bulk: BulkOperations;
  readonly #ports: OperationPorts;

  constructor(ports: OperationPorts) {
    this.#ports = ports;
    this.bulk = new BulkOperations({
      database: ports.database,
      log: ports.log,
      cancel: ports.cancel,
      replay: async (runId, onceKey) => {
        await this.rerun(runId, null, onceKey);
      },
    });
  }

  async cancel(runId: string, reason: string): Promise<boolean> {
    return await this.#ports.cancel(runId, reason);
  }

  /** Starts a run anew: from the beginning, or with the results that stood before one of its steps. */
  async rerun(runId: string, fromStep: string | null, onceKey: string | null = null): Promise<Rerun> {
    const result = await rerun(this.#ports, runId, { fromStep, onceKey });
    if (result.ok) this.#ports.scheduler.offer(result.items);
    return result;
  }

  /** Holds a function's work back, or lets it go on; what arrives meanwhile waits in order. Survives a restart. */
  async setPaused(fn: FunctionSpec, paused: boolean): Promise<void> {
    const was = this.#ports.registry.isPaused(fn);
    await this.#ports.registry.setPaused(fn, paused);
    if (was && !paused) this.#ports.scheduler.rescan();
    this.#ports.log.info({ fn: fn.slug }, paused ? "a function was paused" : "a function was resumed");
  }

  /** Asks the app at a URL for its functions (in-band sync) and takes them. A sentence when that fails. */
  async syncApp(url: string): Promise<SyncResult> {
    const { client, signer, config } = this.#ports;
    const headers = { "content-type": "application/json", "x-inngest-sync-kind": "in_band" };
    const answer = await signer.send(client, url, canonicalJson({ url }), headers, "PUT");
    if (answer.kind !== "response")
      return { ok: false, problems: [`The app cannot be reached: ${answer.message}.`] };
    const refused = (why: string): SyncResult => ({ ok: false, problems: [`The app at ${url} ${why}.`] });
    if (answer.status !== 200) return refused(`answered with HTTP status ${answer.status}`);
    const signature = [answer.headers["x-inngest-signature"]].flat()[0];
    if (config.signingKeys.length > 0 && !verifyBody(answer.body, signature, config.signingKeys, Date.now()))
      return refused("gave an answer that is not signed with the signing key");
    let body: { app_id?: unknown; url?: unknown; sdk?: unknown; functions?: unknown };
    try {
      body = JSON.parse(answer.body) as typeof body;
    } catch {
      return refused("gave an answer that is no JSON");
    }
    if (typeof body.app_id !== "string" || !Array.isArray(body.functions))
      return refused("does not know the in-band sync");
    return await this.#ports.sync({
      appName: body.app_id,
      url: typeof body.url === "string" ? body.url : url,
      sdk: String(body.sdk ?? ""),
      functions: body.functions,
    });
  }

  /** The Prometheus text. */
  async metricsText(): Promise<string> {
    const { database, registry, metrics, executor } = this.#ports;
    const items = await database.pool.query<{ fn_id: string; kind: number; later: boolean; n: number }>(
      `select fn_id, kind, due_at_ms > $1 as later, count(*)::bigint as n from queue_item group by 1, 2, 3`,
      [Date.now()],
    );
    const nameOf = (id: string): string => registry.byId(id)?.slug ?? id;
    const depth = new Map<string, number>();
    const waiting: Sample[] = [];
    for (const row of items.rows) {
      const fn = registry.byId(row.fn_id);
      const timer = TIMER_REASONS[row.kind] ?? (row.kind > ItemKind.step ? "timer" : null);
      if (timer === null) depth.set(row.fn_id, (depth.get(row.fn_id) ?? 0) + row.n);
      const reason = timer ?? (row.later ? "delay" : fn && registry.isPaused(fn) ? "paused" : "turn");
      waiting.push({ labels: { function: nameOf(row.fn_id), reason }, value: row.n });
    }
    const byFunction = (counts: Map<string, number>): Sample[] =>
      [...counts].map(([id, value]) => ({ labels: { function: nameOf(id) }, value }));
    return metrics.text([
      {
        name: "inngest_engine_queue_depth",
        help: "Steps and runs to be executed, those under way included",
        samples: byFunction(depth),
      },
      {
        name: "inngest_engine_running",
        help: "Calls to apps under way",
        samples: byFunction(executor.running()),
      },
      { name: "inngest_engine_waiting", help: "Queue items by what they wait for", samples: waiting },
      {
        name: "inngest_engine_paused",
        help: "1 for a paused function",
        samples: registry.all
          .filter((fn) => registry.isPaused(fn))
          .map((fn) => ({ labels: { function: fn.slug }, value: 1 })),
      },
    ]);
  }
}
