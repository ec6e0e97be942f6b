import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../../infra/engine/main.ts", import.meta.url));

export const SIGNING_KEY = process.env.INNGEST_SIGNING_KEY ?? "deadbeefcafe0123";
export const EVENT_KEY = process.env.INNGEST_EVENT_KEY ?? "deadbeef";

/** A local engine as a child process, with the database it stands on. */
export interface EngineProcess {
  url: string;
  port: number;
  child: ChildProcess;
  /** What it wrote to stderr. */
  log: () => string;
  exited: Promise<number | null>;
  kill: (signal: NodeJS.Signals) => Promise<void>;
}

/** Starts an engine on a database and waits for its ready line; rejects with its log when it ends instead. */
export async function startEngineProcess(
  databaseUrl: string,
  options: { port?: number; env?: Record<string, string> } = {},
): Promise<EngineProcess> {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH ?? "",
      ENGINE_PORT: String(options.port ?? 0),
      ENGINE_DATABASE_URL: databaseUrl,
      INNGEST_SIGNING_KEY: SIGNING_KEY,
      INNGEST_EVENT_KEY: EVENT_KEY,
      ENGINE_RETRY_SCALE: "0.02",
      ENGINE_LOG_LEVEL: "info",
      ...options.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const url = await new Promise<string>((resolve, reject) => {
    let out = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      const line = out.split("\n").find((candidate) => candidate.includes('"ready":true'));
      if (line) resolve((JSON.parse(line) as { url: string }).url);
    });
    void exited.then((code) => reject(new Error(`the engine ended with ${code}: ${log}`)));
  });
  return {
    url,
    port: Number(new URL(url).port),
    child,
    log: () => log,
    exited,
    kill: async (signal) => {
      child.kill(signal);
      await exited;
    },
  };
}
