import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { acquireLock } from "./lock.ts";
import { endLeftovers } from "./stack-file.ts";

/**
 * Removes a stack's data folder, with what of it had to lie elsewhere, after ending what a killed stack left running.
 * @throws StackError when a stack runs on it
 */
export async function removeData(dataDir: string): Promise<void> {
  if (!existsSync(dataDir)) return;
  const unlock = await acquireLock(join(dataDir, "stack.lock"), dataDir);
  try {
    await endLeftovers(join(dataDir, "stack.json"));
    const pointer = join(dataDir, "postgres-home");
    if (existsSync(pointer)) rmSync(readFileSync(pointer, "utf8").trim(), { recursive: true, force: true });
    rmSync(dataDir, { recursive: true, force: true });
  } finally {
    unlock();
  }
}
