import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const usual = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/opt/homebrew/bin"];

/** The first executable of that name on PATH, in `extraDirs` or in the usual places; null when there is none. */
export function findProgram(name: string, extraDirs: string[] = []): string | null {
  for (const dir of [...(process.env.PATH ?? "").split(delimiter), ...extraDirs, ...usual]) {
    if (dir !== "" && isExecutable(join(dir, name))) return join(dir, name);
  }
  return null;
}

/** Is this a file that we may run? */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
