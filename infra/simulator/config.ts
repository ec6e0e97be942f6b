/** The simulator's environment: SIMULATOR_HOST, SIMULATOR_PORT and SIMULATOR_<PROVIDER>_<SETTING>. */
import { z } from "zod";
import { simulators } from "./catalog.ts";

export interface SimulatorConfig {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Settings by provider; what is not named has its default. */
  settings: Record<string, Record<string, number>>;
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
  const settings: SimulatorConfig["settings"] = {};
  for (const { slug, settings: names } of simulators) {
    const values = names.flatMap((name) => {
      const value = given[variableOf(slug, name)];
      return value === undefined ? [] : [[name, z.coerce.number().parse(value)] as const];
    });
    settings[slug] = Object.fromEntries(values);
  }
  return { host: SIMULATOR_HOST, port: SIMULATOR_PORT, settings };
}

/** `latencyMs` of `anaf` is SIMULATOR_ANAF_LATENCY_MS; of `openapi-ro`, SIMULATOR_OPENAPI_RO_LATENCY_MS. */
export function variableOf(slug: string, setting: string): string {
  const snake = (text: string) => text.replace(/[A-Z]/g, (letter) => `_${letter}`).replaceAll("-", "_");
  return `SIMULATOR_${snake(slug)}_${snake(setting)}`.toUpperCase();
}
