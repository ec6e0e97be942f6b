import { startNodePart } from "./node-part.ts";
import type { Launch, PartProcess } from "./process.ts";

/** Starts the simulated providers. */
export function startSimulator(options: {
  port: number;
  extraEnv?: Record<string, string>;
  launch: Launch;
}): Promise<{ process: PartProcess; url: string }> {
  return startNodePart({
    name: "simulator",
    script: "infra/simulator/main.ts",
    env: {
      NODE_ENV: "production",
      SIMULATOR_HOST: "127.0.0.1",
      SIMULATOR_PORT: String(options.port),
      ...options.extraEnv,
    },
    url: `http://127.0.0.1:${options.port}`,
    readyPath: "/health",
    launch: options.launch,
  });
}
