import { spawn } from "node:child_process";
import { closeSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { StackError } from "./errors.ts";
import { type Identity, identify } from "./identity.ts";
import { follow, lastLines, openLog } from "./log.ts";
import { pollUntil } from "./wait.ts";

export type ProcessSpec = {
  name: string;
  command: string;
  args: string[];
  /** The whole environment of the process; nothing is inherited. */
  env: Record<string, string>;
  cwd: string;
  logFile: string;
  /** Written to the process's stdin, which is then closed. */
  input?: string;
  /** Runs as this user, when the stack itself runs as root. */
  user?: { uid: number; gid: number };
  /** What asks the process to end in good order. Default SIGTERM. */
  stopSignal?: NodeJS.Signals;
  /** How long it may take over that before it is killed. Default 10 s. */
  stopWithinMs?: number;
  onLine?: (line: string) => void;
};

/** Starts a process with its log in place and remembers it, so that it is stopped whatever happens. */
export type Launch = (spec: Omit<ProcessSpec, "logFile" | "onLine">) => Promise<PartProcess>;

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

export type PartProcess = {
  name: string;
  pid: number;
  identity: Identity | null;
  stopSignal: NodeJS.Signals;
  logFile: string;
  /** Null while it runs. */
  exit: Exit | null;
  exited: Promise<Exit>;
  lastLines: (count?: number) => string[];
  /** Sends a signal to the process and to all that it started. */
  signal: (signal: NodeJS.Signals) => void;
  /** Asks it to end, kills it when it does not, and resolves when it is gone. */
  stop: () => Promise<void>;
};

/**
 * Starts a process that leads its own group, so that a Ctrl-C at the terminal reaches only the stack, which
 * then stops the parts in order. Output goes straight to the log file, so it outlives a killed stack.
 */
export async function startProcess(spec: ProcessSpec): Promise<PartProcess> {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openLog(spec.logFile);
  const child = spawn(spec.command, spec.args, {
    cwd: spec.cwd,
    env: spec.env,
    detached: true,
    stdio: [spec.input === undefined ? "ignore" : "pipe", log.fd, log.fd],
    ...spec.user,
  });
  closeSync(log.fd);
  const stopSignal = spec.stopSignal ?? "SIGTERM";
  const unfollow = spec.onLine ? follow(spec.logFile, log.startsAt, spec.onLine) : () => {};
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => {
      part.exit = { code, signal };
      unfollow();
      resolve(part.exit);
    });
  });
  const part: PartProcess = {
    name: spec.name,
    pid: child.pid ?? 0,
    identity: null,
    stopSignal,
    logFile: spec.logFile,
    exit: null,
    exited,
    lastLines: (count) => lastLines(spec.logFile, log.startsAt, count),
    signal: (signal) => signalGroup(part.pid, signal),
    stop: async () => {
      await endGroup(part.pid, stopSignal, spec.stopWithinMs ?? 10_000, () => part.exit !== null);
      await exited;
    },
  };
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => {
      reject(new StackError(`${spec.name} could not be started (${spec.command}): ${error.message}`));
    });
  });
  if (child.stdin) {
    child.stdin.on("error", () => {}); // It died before it read: its exit says so.
    child.stdin.end(spec.input);
  }
  part.identity = identify(part.pid);
  return part;
}

/**
 * Resolves once `ready` says true; throws with the last log lines when the process dies first or time is up.
 * @param said what the part answered last, for the message
 */
export async function awaitReady(
  part: PartProcess,
  ready: () => Promise<boolean>,
  deadlineMs: number,
  said?: () => string,
): Promise<void> {
  const died = part.exited.then(() => true);
  const ok = await pollUntil(() => Promise.race([ready(), died]), { deadlineMs });
  if (part.exit !== null)
    throw new StackError(`${part.name} ${describeExit(part.exit)} while starting.${quote(part)}`);
  if (ok) return;
  const answer = said ? ` (${said()})` : "";
  throw new StackError(`${part.name} was not ready after ${deadlineMs / 1000} s${answer}.${quote(part)}`);
}

/** "ended with code 1", "was killed by SIGKILL". */
export function describeExit(exit: Exit): string {
  return exit.signal === null ? `ended with code ${exit.code}` : `was killed by ${exit.signal}`;
}

/** The last log lines of a part, indented, to stand below a message. */
export function quote(part: Pick<PartProcess, "lastLines" | "logFile">): string {
  const lines = part.lastLines(20);
  if (lines.length === 0) return ` It wrote nothing to ${part.logFile}.`;
  return ` Its last lines (${part.logFile}):\n${lines.map((line) => `  | ${line}`).join("\n")}`;
}

/** Sends a signal to a process group; does nothing when the group is gone. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // EPERM is what macOS says of a group of which only a zombie is left.
    if (!["ESRCH", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

/** Ends a process group: asks, waits, then kills what is left of it. */
export async function endGroup(
  pid: number,
  signal: NodeJS.Signals,
  withinMs: number,
  isGone: () => boolean,
): Promise<void> {
  if (!isGone()) signalGroup(pid, signal);
  await pollUntil(isGone, { deadlineMs: withinMs, everyMs: 20 });
  signalGroup(pid, "SIGKILL");
}
