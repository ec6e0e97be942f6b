import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";

const root = join(import.meta.dirname, "../..");

/** A new data folder inside the project, deleted again by `removeFolders`. */
export function newDataDir(): string {
  mkdirSync(join(root, ".local/test"), { recursive: true });
  return track(mkdtempSync(join(root, ".local/test/stack-")));
}

const made: string[] = [];

/** Has `removeFolders` delete this data folder, and what it points to elsewhere. */
export function track(dataDir: string): string {
  made.push(dataDir);
  return dataDir;
}

export function removeFolders(): void {
  for (const dir of made.splice(0)) {
    try {
      rmSync(readFileSync(join(dir, "postgres-home"), "utf8").trim(), { recursive: true, force: true });
    } catch {
      // All of it lies in the folder itself.
    }
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A stack under test starts its own parts, whatever the environment of the test run names. */
export function withoutServiceUrls(): void {
  for (const name of ["DATABASE_URL", "REDIS_URL", "INNGEST_BASE_URL", "INNGEST_BIN"])
    vi.stubEnv(name, undefined);
}
