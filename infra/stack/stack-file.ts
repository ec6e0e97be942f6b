import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { isRunning } from "./identity.ts";
import { endGroup } from "./process.ts";

const partSchema = z.object({
  url: z.string(),
  /** Null for a part that runs elsewhere, or that is down just now. */
  pid: z.number().nullable(),
  /** Tells the process from a later one with the same pid. */
  started: z.string().nullable(),
  stopSignal: z.string(),
  external: z.boolean(),
  logFile: z.string().nullable(),
});

const stackFileSchema = z.object({
  /** The stack's own process. */
  pid: z.number(),
  engine: z.enum(["local", "inngest"]).nullable(),
  ready: z.boolean(),
  parts: z.record(z.string(), partSchema),
});

/** What `.local/stack.json` holds while a stack runs: each part's URL and pid. URLs hold passwords: mode 0600. */
export type StackFile = z.infer<typeof stackFileSchema>;

/** Writes the file as a whole, so that a reader never sees half of it. */
export function writeStackFile(file: string, content: StackFile): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

/** The file's content; null when there is none that can be read. */
export function readStackFile(file: string): StackFile | null {
  try {
    return stackFileSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return null;
  }
}

/** Ends the parts that a killed stack left running, if they are still the same processes. */
export async function endLeftovers(file: string): Promise<void> {
  const left = Object.values(readStackFile(file)?.parts ?? {}).reverse();
  for (const { pid, started, stopSignal } of left) {
    if (pid === null || started === null) continue;
    const identity = { pid, started };
    if (!isRunning(identity)) continue;
    await endGroup(pid, stopSignal as NodeJS.Signals, 20_000, () => !isRunning(identity));
  }
  rmSync(file, { force: true });
}
