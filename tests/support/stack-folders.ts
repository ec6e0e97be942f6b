import { mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import { removeData } from "#infra/stack/remove-data.ts";

const root = join(import.meta.dirname, "../..");
const made: string[] = [];

/** A new data folder inside the project, deleted again by `removeFolders`. */
export function newDataDir(): string {
  mkdirSync(join(root, ".local/test"), { recursive: true });
  return track(mkdtempSync(join(root, ".local/test/stack-")));
}

/** Has `removeFolders` delete this folder, with what of it lies elsewhere. */
export function track(dataDir: string): string {
  made.push(dataDir);
  return dataDir;
}

export async function removeFolders(): Promise<void> {
  for (const dir of made.splice(0)) await removeData(dir);
}

/** A stack under test starts its own parts, whatever the environment of the test run names. */
export function withoutServiceUrls(): void {
  for (const name of ["DATABASE_URL", "REDIS_URL", "INNGEST_BASE_URL", "INNGEST_BIN"])
    vi.stubEnv(name, undefined);
}
