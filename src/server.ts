/** The app's process: listens, registers with the engine, relays the outbox, sweeps, and shuts down in order. */
import { serve } from "@hono/node-server";
import { createFunctions, enrichmentPlan, fieldSources } from "#functions/registry.ts";
import { type Config, configFromProcess } from "./config.ts";
import { closeDeps, createDeps } from "./deps.ts";
import { createApp, INNGEST_PATH } from "./http/app.ts";
import { SERVER_OPTIONS } from "./http/middleware/slow-bodies.ts";
import { syncWithEngine } from "./platform/engine-sync.ts";
import { startOutboxRelay } from "./platform/outbox.ts";
import { observeQueues } from "./platform/queue-metrics.ts";
import { startSweeper } from "./platform/sweeper.ts";
import { startTelemetry } from "./platform/telemetry.ts";

/** How long requests in hand may take to end after a signal to stop. */
const GRACE_MS = 10_000;

function readConfig(): Config {
  try {
    return configFromProcess();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

const config = readConfig();
const telemetry = await startTelemetry(config.OTEL_EXPORTER_OTLP_ENDPOINT);
const deps = createDeps(config);
const { logger } = deps;
observeQueues(deps);
const functions = createFunctions(deps);
const stopping = new AbortController();
let synced = false;

const app = createApp(deps, {
  functions,
  plan: enrichmentPlan,
  sources: fieldSources,
  isSynced: () => synced,
  metricsText: telemetry.metricsText,
});
const listen = { hostname: config.HOST, port: config.PORT, serverOptions: SERVER_OPTIONS };
const server = serve({ fetch: app.fetch, ...listen }, ({ port }) => {
  logger.info({ url: `http://${config.HOST}:${port}` }, "listening");
});

const relay = startOutboxRelay({ ...deps, resendMs: config.OUTBOX_RESEND_MS });
const stopSweeper = startSweeper(deps, enrichmentPlan);
const syncing = syncWithEngine(
  `http://${config.HOST}:${config.PORT}${INNGEST_PATH}`,
  logger,
  stopping.signal,
).then((done) => {
  synced = done;
  if (done) logger.info({ functions: functions.length }, "registered with the engine");
});

async function stop(signal: string): Promise<void> {
  if (stopping.signal.aborted) return;
  stopping.abort();
  logger.info({ signal }, "stopping");
  // Whatever hangs: what is not finished by then is taken up again by the engine and the sweeper.
  setTimeout(() => process.exit(1), GRACE_MS + 2000).unref();
  const closed = new Promise((resolve) => server.close(resolve));
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, GRACE_MS).unref())]);
  await Promise.allSettled([relay.stop(), stopSweeper(), syncing]);
  await closeDeps(deps);
  await telemetry.stop();
  process.exit(0);
}
process.once("SIGTERM", () => stop("SIGTERM"));
process.once("SIGINT", () => stop("SIGINT"));
