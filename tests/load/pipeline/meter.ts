import { Redis } from "ioredis";
import { cpuOfFamily, rssMb } from "../processes.ts";

const SAMPLE_MS = 250;

export interface Usage {
  /** By part. */
  cpuSeconds: Record<string, number>;
  peakRssMb: Record<string, number>;
  /** The most that Redis held at once, beyond what it held at the start. */
  redisBytes: number;
}

/**
 * Measures what parts take until it is stopped. A part may be several processes; each counts with those below it.
 * @param parts pids by part
 */
export async function startMeter(
  parts: Record<string, readonly number[]>,
  redisUrl: string,
): Promise<{ stop: () => Promise<Usage> }> {
  const redis = new Redis(redisUrl);
  const usedBytes = async () => Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
  const cpu = () => mapValues(parts, (pids) => sum(pids.map((pid) => cpuOfFamily(pid) ?? 0)));
  const rss = () => mapValues(parts, (pids) => sum(pids.map(rssMb)));

  const before = { cpu: cpu(), redisBytes: await usedBytes() };
  const peak = { rssMb: rss(), redisBytes: before.redisBytes };
  const sample = async () => {
    const now = rss();
    peak.rssMb = mapValues(peak.rssMb, (most, part) => Math.max(most, now[part] ?? 0));
    peak.redisBytes = Math.max(peak.redisBytes, await usedBytes());
  };
  const timer = setInterval(() => void sample().catch(() => {}), SAMPLE_MS);
  return {
    async stop() {
      clearInterval(timer);
      const after = cpu();
      await sample();
      redis.disconnect();
      return {
        cpuSeconds: mapValues(after, (seconds, part) => seconds - (before.cpu[part] ?? 0)),
        peakRssMb: mapValues(peak.rssMb, Math.round),
        redisBytes: peak.redisBytes - before.redisBytes,
      };
    },
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const mapValues = <From, To>(from: Record<string, From>, change: (value: From, key: string) => To) =>
  Object.fromEntries(Object.entries(from).map(([key, value]) => [key, change(value, key)]));
