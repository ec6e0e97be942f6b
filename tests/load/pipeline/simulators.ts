import { simulators } from "#infra/simulator/catalog.ts";

/** Settings of simulated providers that cost time, refuse, or play bad days; and what stands for "never". */
const TIRELESS: Record<string, number> = {
  latencyMs: 0,
  jitterMs: 0,
  taskMs: 0,
  limited: 0,
  intervalMs: 0,
  errorEvery: 0,
  resetEvery: 0,
  htmlEvery: 0,
  slowEvery: 0,
  outageEvery: 0,
  missingPct: 0,
  quota: 1_000_000_000,
};

/** Lets the simulated providers answer at once, whatever they are asked. */
export async function makeTireless(simulatorUrl: string): Promise<void> {
  for (const { slug, settings } of simulators) {
    const changes = Object.fromEntries(Object.entries(TIRELESS).filter(([name]) => settings.includes(name)));
    const url = `${simulatorUrl}/__simulator/${slug}`;
    const answer = await fetch(url, { method: "POST", body: JSON.stringify(changes) });
    if (!answer.ok) throw new Error(`The simulator of ${slug} took no settings: ${await answer.text()}`);
  }
}

/** What the simulated providers have seen, by slug. */
export async function readLedgers(
  simulatorUrl: string,
): Promise<Record<string, { calls: number; rateLimited: number }>> {
  const entries = simulators.map(async ({ slug }) => {
    const answer = await fetch(`${simulatorUrl}/__simulator/${slug}`);
    return [slug, (await answer.json()) as { calls: number; rateLimited: number }] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** The app's environment for providers without limits: its limiter, its manners towards websites, its patience with tasks. */
export const UNLIMITED = {
  PROVIDER_LIMITS: "off",
  WEBSITE_REQUESTS_PER_10S: "1000000",
  SNOV_POLLS_AFTER_MS: "0,100",
};
