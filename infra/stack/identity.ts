import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** A process as it can be recognised later: pids are reused, start times within a boot are not. */
export type Identity = { pid: number; started: string };

/** The identity of a living process; null when there is none (a zombie counts as none). */
export function identify(pid: number): Identity | null {
  const started = existsSync("/proc/self/stat") ? startedByProc(pid) : startedByPs(pid);
  return started === null ? null : { pid, started };
}

/** Does this very process still run, and not another one that was given its pid? */
export function isRunning(identity: Identity): boolean {
  return identify(identity.pid)?.started === identity.started;
}

function startedByProc(pid: number): string | null {
  try {
    // The command name may hold spaces and brackets, so fields are counted from the last bracket on.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return null;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot}:${fields[19]}`;
  } catch {
    return null;
  }
}

function startedByPs(pid: number): string | null {
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    return line === "" || line.startsWith("Z") ? null : line.slice(line.indexOf(" ")).trim();
  } catch {
    return null;
  }
}
