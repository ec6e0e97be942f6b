import { loadConfig } from "./config.ts";
import { startEngine } from "./engine.ts";
import { createLog } from "./log.ts";
import { EngineAlreadyRunning } from "./state/database.ts";

/** Longest time that stopping may take before the process ends anyway; what is not written then is sent again. */
const STOP_WITHIN_MS = 4_500;

try {
  const config = loadConfig(process.env);
  const log = createLog(config.logLevel);
  process.on("unhandledRejection", (error) => log.error({ err: error }, "unhandled rejection"));
  process.on("uncaughtException", (error) => log.error({ err: error }, "uncaught exception"));
  const engine = await startEngine(config, log);
  const stop = (signal: string): void => {
    log.info({ signal }, "stopping");
    setTimeout(() => process.exit(0), STOP_WITHIN_MS).unref();
    engine.stop().then(
      () => process.exit(0),
      (error) => {
        log.error({ err: error }, "stopping failed");
        process.exit(1);
      },
    );
  };
  process.once("SIGTERM", () => stop("SIGTERM"));
  process.once("SIGINT", () => stop("SIGINT"));
  process.stdout.write(`${JSON.stringify({ ready: true, url: engine.url })}\n`);
} catch (error) {
  const message =
    error instanceof EngineAlreadyRunning
      ? error.message
      : `The engine cannot start: ${(error as Error).message}`;
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
