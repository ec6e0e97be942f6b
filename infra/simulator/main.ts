/** Runs the simulated providers until SIGTERM or SIGINT. Prints one JSON line when it is ready. */
import { loadSimulatorConfig } from "./config.ts";
import { goFirst } from "./priority.ts";
import { startSimulator } from "./server.ts";

goFirst();
const simulator = await startSimulator(loadSimulatorConfig(process.env));
console.log(JSON.stringify({ ready: true, url: simulator.url, simulator: true }));

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => simulator.stop().then(() => process.exit(0)));
}
