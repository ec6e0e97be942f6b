import type { AppClient } from "../executor/app-client.ts";
import type { Executor } from "../executor/executor.ts";
import type { Signer } from "../executor/signer.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Registry, SyncRequest, SyncResult } from "../registry.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { CommitPorts } from "../state/commit-change.ts";
import type { Database } from "../state/database.ts";

/** What the operations need of the engine. */
export interface OperationPorts extends CommitPorts {
  config: { signingKeys: string[] };
  log: Log;
  metrics: Metrics;
  database: Database;
  registry: Registry;
  client: AppClient;
  signer: Signer;
  scheduler: Scheduler;
  executor: Executor;
  cancel: (runId: string, reason: string) => Promise<boolean>;
  sync: (request: SyncRequest) => Promise<SyncResult>;
}
