/** The simulator's environment: SIMULATOR_HOST, SIMULATOR_PORT and SIMULATOR_ANAF_*. */
import { z } from "zod";
import { type AnafBehaviour, anafBehaviour } from "./anaf/behaviour.ts";

export interface SimulatorConfig {
  host: string;
  /** 0: any free port. */
  port: number;
  anaf: AnafBehaviour;
}

const address = z.object({
  SIMULATOR_HOST: z.string().min(1).default("127.0.0.1"),
  SIMULATOR_PORT: z.coerce.number().int().min(0).max(65_535).default(0),
});

/** @throws ZodError for what it cannot read */
export function loadSimulatorConfig(env: Record<string, string | undefined>): SimulatorConfig {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ""),
  );
  const { SIMULATOR_HOST, SIMULATOR_PORT } = address.parse(given);
  const anaf: Record<string, unknown> = {};
  for (const name of Object.keys(anafBehaviour.shape)) {
    // latencyMs is SIMULATOR_ANAF_LATENCY_MS
    const value = given[`SIMULATOR_ANAF_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`];
    if (value !== undefined) anaf[name] = Number(value);
  }
  return { host: SIMULATOR_HOST, port: SIMULATOR_PORT, anaf: anafBehaviour.parse(anaf) };
}
