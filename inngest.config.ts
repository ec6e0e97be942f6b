/** The Inngest client: its keys, its server, its middleware. No functions here: see functions/registry.ts. */
import { Inngest } from "inngest";
import type { Config } from "#src/config.ts";
import { ErrorMapping } from "#src/platform/error-mapping.ts";
import type { Logger } from "#src/platform/logger.ts";
import { Metering } from "#src/platform/metrics.ts";
import { Tracing } from "#src/platform/tracing.ts";

/** The app's name in the engine. Part of every function id: changing it orphans running work. */
export const APP_ID = "cerniq";

export function createInngest(config: Config, logger: Logger): Inngest {
  return new Inngest({
    id: APP_ID,
    baseUrl: config.INNGEST_BASE_URL,
    eventKey: config.INNGEST_EVENT_KEY,
    signingKey: config.INNGEST_SIGNING_KEY,
    ...(config.INNGEST_SIGNING_KEY_FALLBACK
      ? { signingKeyFallback: config.INNGEST_SIGNING_KEY_FALLBACK }
      : {}),
    // Cloud mode: requests are signed and verified, whatever engine answers at the base URL.
    isDev: false,
    logger: logger.child({ component: "inngest" }),
    // Outermost first: a span tells what an error was before it became Inngest's.
    middleware: [ErrorMapping, Metering, Tracing],
  });
}
