/** What one run of a system over a sample came to. */

export interface Measured {
  prospects: number;
  /** From the first field's request to the last prospect's final state. */
  seconds: number;
  prospectsPerSecond: number;
  /** Of the registry file; not part of `seconds`. */
  importSeconds: number;
  /** By part: the app, the engine, Postgres, …; over `seconds`, give or take a tenth. */
  cpuSeconds: Record<string, number>;
  /** Growth of the databases, imported rows included. */
  postgresBytes: number;
  /** Most that Redis held beyond what it held before. */
  redisBytes: number;
  peakRssMb: Record<string, number>;
  enriched: number;
  failed: number;
  /** Rows of field_values by field and status: that two systems did the same work. */
  values: Record<string, number>;
}

export const cpuMsPerProspect = ({ cpuSeconds, prospects }: Measured): number =>
  (Object.values(cpuSeconds).reduce((sum, seconds) => sum + seconds, 0) / prospects) * 1_000;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
