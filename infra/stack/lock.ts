import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { StackError } from "./errors.ts";
import { type Identity, identify, isRunning } from "./identity.ts";
import { pollUntil } from "./wait.ts";

/** Thrown when another living stack holds the data folder. */
export class AlreadyRunningError extends StackError {
  override name = "AlreadyRunningError";
}

/** A holder that was killed a moment ago may still be there for the kernel to bury. */
const graceMs = 1_000;

/** Takes the data folder for this process; the returned function gives it back. */
export async function acquireLock(file: string, dataDir: string): Promise<() => void> {
  const mine = identify(process.pid);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(mine));
  try {
    for (let attempt = 0; attempt < 50; attempt++) {
      if (tryLink(draft, file)) return () => rmSync(file, { force: true });
      const holder = read(file);
      const isHeld = () => holder !== null && isRunning(holder);
      if (holder !== null && !(await pollUntil(() => !isHeld(), { deadlineMs: graceMs }))) {
        throw new AlreadyRunningError(
          `A stack already runs on ${dataDir} (pid ${holder.pid}): stop that one, or use another data folder.`,
        );
      }
      setAside(file, draft);
    }
    throw new StackError(`${file} could not be taken: delete it if no stack runs.`);
  } finally {
    rmSync(draft, { force: true });
  }
}

// Moved away before it is judged again: two starts that both saw the dead holder must not both win.
function setAside(file: string, draft: string): void {
  const aside = `${draft}.stale`;
  try {
    renameSync(file, aside);
  } catch {
    return; // Somebody else was quicker.
  }
  const holder = read(aside);
  if (holder !== null && isRunning(holder)) tryLink(aside, file);
  rmSync(aside, { force: true });
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function read(file: string): Identity | null {
  try {
    const { pid, started } = JSON.parse(readFileSync(file, "utf8")) as Partial<Identity>;
    return typeof pid === "number" && typeof started === "string" ? { pid, started } : null;
  } catch {
    return null;
  }
}
