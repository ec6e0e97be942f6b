import { setTimeout as sleep } from "node:timers/promises";
import type { EngineConfig } from "./config.ts";
import { AppClient } from "./executor/app-client.ts";
import { AppGate } from "./executor/app-gate.ts";
import { planCrons } from "./executor/crons.ts";
import { Executor } from "./executor/executor.ts";
import { cancelRun } from "./executor/run-end.ts";
import { Signer } from "./executor/signer.ts";
import { fireTimer } from "./executor/timers.ts";
import { Signals, sendSignal } from "./executor/waits.ts";
import { Gatekeeper } from "./ingest/gatekeeper.ts";
import { planRuns } from "./ingest/plan-runs.ts";
import type { Log } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createOperations } from "./operations/operations.ts";
import type { IncomingEvent } from "./protocol/events.ts";
import { Registry, type SyncRequest, type SyncResult } from "./registry.ts";
import { Backlog } from "./scheduler/backlog.ts";
import { Scheduler } from "./scheduler/scheduler.ts";
import { startHttpServer } from "./server/http-server.ts";
import { commitChange } from "./state/commit-change.ts";
import { Database } from "./state/database.ts";
import { GateStates } from "./state/gate-states.ts";
import { deleteOld } from "./state/retention.ts";
import { emptyChange, type QueueItem } from "./state/rows.ts";
import { Runs } from "./state/runs.ts";
import { WaitedEvents } from "./state/waited-events.ts";
import { Writer } from "./state/writer.ts";

/** Between one time that what nobody needs any more is forgotten and the next. */
const TIDY_PAUSE_MS = 60_000;

export interface Engine {
  url: string;
  /** Takes no more work, writes what is on the way, closes everything. Calls under way are sent again later. */
  stop: () => Promise<void>;
}

/** Starts an engine: takes its database's lock, goes on with what it finds there, listens. */
export async function startEngine(config: EngineConfig, log: Log): Promise<Engine> {
  const database = new Database(config.databaseUrl, config.lockWaitMs, log);
  try {
    await database.open();
  } catch (error) {
    await database.close().catch(() => {});
    throw error;
  }
  const writer = new Writer(database, log);
  const registry = new Registry(database, writer);
  await registry.load();
  const waited = new WaitedEvents(database);
  await waited.reload(writer);
  const client = new AppClient(config.requestTimeoutMs);
  const gate = new AppGate();
  const metrics = createMetrics();
  const ports = {
    config,
    log,
    database,
    registry,
    runs: new Runs(database),
    writer,
    waited,
    signals: new Signals(),
    client,
    gate,
    signer: new Signer(config.signingKeys),
    metrics,
    states: new GateStates(database),
    offer: (items: QueueItem[]): void => scheduler.offer(items),
    forget: (runId: string): void => scheduler.forget(runId),
  };
  const executor = new Executor(ports);
  const gatekeeper = new Gatekeeper(ports);
  const scheduler = new Scheduler({
    backlog: new Backlog(database),
    states: ports.states,
    log,
    maxInFlight: config.maxInFlight,
    functionById: (id) => registry.byId(id),
    isPaused: (fn) => registry.isPaused(fn),
    restUntilMs: (fn) => Math.max(gate.restUntilMs(fn.url), fn.throttle ? writer.restUntilMs(Date.now()) : 0),
    execute: (item, throttled) => executor.execute(item, throttled),
    fireTimer: (item) => fireTimer({ ...ports, gatekeeper }, item),
    reached: () => writer.commit({}),
  });
  writer.onSteps = (steps) => ports.runs.committed(steps);
  writer.onRecovered = () => scheduler.rescan();
  writer.onLockLost = (error) => {
    log.fatal({ err: error }, "another engine has taken over this database; ending");
    process.exit(1);
  };

  const accept = async (events: IncomingEvent[]): Promise<void> => {
    const change = { ...emptyChange(), events };
    planRuns(ports, events, Date.now(), change);
    scheduler.offer(await commitChange(ports, change));
    metrics.events.inc(events.length);
  };
  const cancel = async (runId: string, reason: string): Promise<boolean> => {
    const next = await cancelRun(ports, runId, reason);
    scheduler.offer(next ?? []);
    return next !== null;
  };
  const sync = async (request: SyncRequest): Promise<SyncResult> => {
    const result = await registry.sync(request);
    if (result.ok) {
      scheduler.offer(await planCrons(ports, result.functions, Date.now()));
      for (const fn of result.functions) gate.answered(fn.url);
      log.info(
        { app: request.appName, functions: result.functions.length, modified: result.modified },
        "an app was synced",
      );
    } else log.warn({ app: request.appName, problems: result.problems }, "an app was refused");
    return result;
  };
  const signal = async (name: string, data: unknown): Promise<string | null> => {
    const sent = await sendSignal(ports, name, data);
    scheduler.offer(sent?.items ?? []);
    return sent?.runId ?? null;
  };

  const operations = createOperations({ ...ports, scheduler, executor, cancel, sync });
  const server = await startHttpServer(
    { config, database, registry, executor, accept, operations, sync, signal },
    log,
  );
  scheduler.offer(await planCrons(ports, registry.all, Date.now()));
  scheduler.rescan();
  const stopping = new AbortController();
  void keepTidy(stopping.signal, log, async () => {
    await deleteOld(ports, config.retentionMs, Date.now(), stopping.signal);
    await waited.reload(writer);
  });
  await operations.bulk.resume();
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  return {
    url: `http://${host}:${server.port}`,
    stop: async () => {
      scheduler.stop();
      stopping.abort();
      operations.bulk.stop();
      const closed = server.close();
      await writer.stop();
      await closed;
      client.close();
      await database.close();
    },
  };
}

/** Tidies up again and again, with a pause before each time, until it is aborted. */
async function keepTidy(signal: AbortSignal, log: Log, tidy: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    try {
      await sleep(TIDY_PAUSE_MS, undefined, { signal, ref: false });
      await tidy();
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, "old rows could not be deleted; trying again later");
    }
  }
}
