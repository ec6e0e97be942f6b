/** What processes take of the machine, by /proc (Linux). */
import { readdirSync, readFileSync } from "node:fs";

/** CPU seconds of one process; null where /proc does not tell. */
export function cpuSeconds(pid: number): number | null {
  const fields = statOf(String(pid));
  return fields ? own(fields) : null;
}

/** CPU seconds of a process and of everybody below it, those who have ended included; null where /proc does not tell. */
export function cpuOfFamily(pid: number): number | null {
  const stats = new Map(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        const fields = statOf(name);
        return fields ? [[name, fields] as const] : [];
      }),
  );
  const family = [String(pid)].filter((name) => stats.has(name));
  if (family.length === 0) return null;
  for (const member of family) {
    for (const [name, fields] of stats) if (fields[PARENT] === member) family.push(name);
  }
  return family.reduce((sum, name) => sum + withEnded(stats.get(name) as string[]), 0);
}

/** Resident memory of a process in MB; NaN when there is none. */
export function rssMb(pid: number): number {
  try {
    const line = readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmRSS:\s+(\d+) kB/m);
    return Number(line?.[1] ?? Number.NaN) / 1024;
  } catch {
    return Number.NaN;
  }
}

// Fields of proc_pid_stat(5) after the name, which may hold spaces; times are in hundredths of a second.
const PARENT = 1;
const [USER, SYSTEM, ENDED_USER, ENDED_SYSTEM] = [11, 12, 13, 14];

function statOf(pid: string): string[] | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
  } catch {
    return null;
  }
}

const hundredths = (fields: string[], ...at: number[]) =>
  at.reduce((sum, index) => sum + Number(fields[index]), 0) / 100;
const own = (fields: string[]) => hundredths(fields, USER, SYSTEM);
const withEnded = (fields: string[]) => hundredths(fields, USER, SYSTEM, ENDED_USER, ENDED_SYSTEM);
