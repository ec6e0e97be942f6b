import type { EngineConfig } from "../config.ts";
import type { Executor } from "../executor/executor.ts";
import type { Operations } from "../operations/operations.ts";
import type { IncomingEvent } from "../protocol/events.ts";
import type { Registry, SyncRequest, SyncResult } from "../registry.ts";
import type { Database } from "../state/database.ts";

/** What the routes need of the engine. */
export interface ServerContext {
  config: EngineConfig;
  database: Database;
  registry: Registry;
  executor: Executor;
  /** Makes events and the runs they start durable. */
  accept: (events: IncomingEvent[]) => Promise<void>;
  operations: Operations;
  sync: (request: SyncRequest) => Promise<SyncResult>;
  /** Hands a signal to the step waiting for it; that step's run, or null when none waits. */
  signal: (name: string, data: unknown) => Promise<string | null>;
}
