import { join } from "node:path";
import { httpReady } from "./http-ready.ts";
import { awaitReady, type Launch, type PartProcess } from "./process.ts";

/** The root of the project: what the parts written in TypeScript are started from. */
export const projectRoot = join(import.meta.dirname, "../..");

/** Starts a script of this project under this same Node and waits until `readyPath` answers 200. */
export async function startNodePart(options: {
  name: string;
  /** Path below the project's root. */
  script: string;
  nodeArgs?: string[];
  env: Record<string, string>;
  url: string;
  readyPath: string;
  deadlineMs?: number;
  launch: Launch;
}): Promise<{ process: PartProcess; url: string }> {
  const part = await options.launch({
    name: options.name,
    command: process.execPath,
    args: [...(options.nodeArgs ?? []), join(projectRoot, options.script)],
    env: options.env,
    cwd: projectRoot,
    stopWithinMs: 15_000, // the app gives requests in hand 12 s
  });
  try {
    const ready = httpReady(new URL(options.readyPath, options.url).toString());
    await awaitReady(part, ready.ask, options.deadlineMs ?? 60_000, ready.said);
  } catch (error) {
    await part.stop();
    throw error;
  }
  return { process: part, url: options.url };
}
