import { join } from "node:path";
import { StackError } from "./errors.ts";
import { describeExit, type Exit, type Launch, type PartProcess, quote, startProcess } from "./process.ts";
import { startReaper } from "./reaper.ts";
import { type StackFile, writeStackFile } from "./stack-file.ts";

export type StackPart = {
  name: string;
  url: string;
  /** Null for an external part, and for one that is down. */
  pid: number | null;
  /** Runs elsewhere: neither started nor stopped here. */
  external: boolean;
  logFile: string | null;
};

/** A part that ended without having been asked to. */
export type Died = { part: string; exit: Exit; lastLines: string[]; message: string };

export type StartPart = () => Promise<{ process: PartProcess; url: string }>;

type Held = { name: string; url: string; start: StartPart | null; process: PartProcess | null };

/** What others need comes first; the replicas of the app come last. */
const order = ["postgres", "redis", "simulator", "engine", "balancer"];

/** Keeps the parts of one stack: what runs, what died, and how each is started again. */
export class Supervisor {
  readonly #held = new Map<string, Held>();
  readonly #launched = new Set<PartProcess>();
  readonly #asked = new Set<PartProcess>();
  readonly #listeners: ((died: Died) => void)[] = [];
  readonly #reaper = startReaper();
  readonly #options: { dataDir: string; onLine?: (part: string, line: string) => void };
  #engine: StackFile["engine"] = null;
  #ready = false;
  #stopping: Promise<void> | null = null;

  constructor(options: { dataDir: string; onLine?: (part: string, line: string) => void }) {
    this.#options = options;
  }

  /** The folder of the parts' logs. */
  get logDir(): string {
    return join(this.#options.dataDir, "logs");
  }

  get stackFile(): string {
    return join(this.#options.dataDir, "stack.json");
  }

  parts(): StackPart[] {
    return this.#inOrder().map(({ name, url, start, process }) => ({
      name,
      url,
      pid: process === null || process.exit !== null ? null : process.pid,
      external: start === null,
      logFile: start === null ? null : join(this.logDir, `${name}.log`),
    }));
  }

  launch: Launch = async (spec) => {
    if (this.#stopping) throw new StackError("The stack is being stopped.");
    const { onLine } = this.#options;
    const process = await startProcess({
      ...spec,
      logFile: join(this.logDir, `${spec.name}.log`),
      onLine: onLine && ((line) => onLine(spec.name, line)),
    });
    if (this.#stopping) {
      await process.stop();
      throw new StackError("The stack is being stopped.");
    }
    this.#reaper.add(process.pid, process.stopSignal);
    this.#launched.add(process);
    void process.exited.then(() => {
      this.#reaper.drop(process.pid);
      this.#launched.delete(process);
      this.#ended(process);
    });
    return process;
  };

  /** Starts a part and answers its URL once it is ready. */
  async start(name: string, start: StartPart): Promise<string> {
    const { process, url } = await start();
    this.#held.set(name, { name, url, start, process });
    this.#save();
    return url;
  }

  /** Names a part that runs elsewhere. */
  addExternal(name: string, url: string): void {
    this.#held.set(name, { name, url, start: null, process: null });
    this.#save();
  }

  /** All is up: from now on a part that ends is reported to the listeners. */
  ready(engine: StackFile["engine"]): void {
    this.#ready = true;
    this.#engine = engine;
    this.#save();
  }

  onDied(listener: (died: Died) => void): void {
    this.#listeners.push(listener);
  }

  /** Sends a signal to a part; one that ends by it is not reported as died. Resolves when it is gone (SIGSTOP and the like: at once). */
  async kill(name: string, signal: NodeJS.Signals): Promise<void> {
    const { process } = this.#own(name);
    if (process === null || process.exit !== null) return;
    const ends = ["SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT"].includes(signal);
    if (ends) this.#asked.add(process);
    process.signal(signal);
    if (ends) await process.exited;
    this.#save();
  }

  /** Stops a part where it still runs, and starts it again on the same port with the same environment. */
  async restart(name: string): Promise<void> {
    const held = this.#own(name);
    if (held.process !== null && held.process.exit === null) {
      this.#asked.add(held.process);
      await held.process.stop();
    }
    held.process = (await held.start()).process;
    this.#save();
  }

  /** Stops everything that was started here, the newest first. Repeated calls wait for the first one. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    // Parts that are just starting are in `launched`, too.
    for (const process of [...this.#launched].reverse()) {
      this.#asked.add(process);
      await process.stop();
    }
    this.#reaper.bye();
  }

  #inOrder(): Held[] {
    const place = ({ name }: Held) => (order.includes(name) ? order.indexOf(name) : order.length);
    return [...this.#held.values()].sort((a, b) => place(a) - place(b) || a.name.localeCompare(b.name));
  }

  #own(name: string): Held & { start: StartPart } {
    const held = this.#held.get(name);
    if (held === undefined) {
      throw new StackError(
        `There is no part "${name}" in this stack: it has ${[...this.#held.keys()].join(", ")}.`,
      );
    }
    if (held.start === null)
      throw new StackError(
        `${name} runs elsewhere (${new URL(held.url).host}): it is not ours to stop or start.`,
      );
    return held as Held & { start: StartPart };
  }

  #ended(process: PartProcess): void {
    const isHeld = this.#held.get(process.name)?.process === process;
    if (!isHeld || this.#stopping || process.exit === null) return;
    this.#save();
    if (!this.#ready || this.#asked.has(process)) return;
    const died: Died = {
      part: process.name,
      exit: process.exit,
      lastLines: process.lastLines(20),
      message: `${process.name} ${describeExit(process.exit)}.${quote(process)}`,
    };
    for (const listener of this.#listeners) listener(died);
  }

  #save(): void {
    if (this.#stopping) return;
    const entries = this.#inOrder().map(({ name, url, start, process }) => {
      const identity = process === null || process.exit !== null ? null : process.identity;
      const part = {
        url,
        pid: identity?.pid ?? null,
        started: identity?.started ?? null,
        stopSignal: process?.stopSignal ?? "SIGTERM",
        external: start === null,
        logFile: start === null ? null : join(this.logDir, `${name}.log`),
      };
      return [name, part] as const;
    });
    writeStackFile(this.stackFile, {
      pid: process.pid,
      engine: this.#engine,
      ready: this.#ready,
      parts: Object.fromEntries(entries),
    });
  }
}
