/** The files of uploads in UPLOAD_DIR. They hold what people must not find there later, so they go when they can. */
import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** While an upload comes in and is looked at. A killed process may leave one behind. */
const PARTIAL = ".partial";
/** What an import will load. */
const STORED = ".upload";
const PARTIAL_LASTS_MS = 24 * 3_600_000;

export const partialPath = (uploadDir: string, id: string, part: string): string =>
  join(uploadDir, `${id}.${part}${PARTIAL}`);

/** Keeps a file that has come in and can be used; answers its new path. */
export async function keepFile(path: string): Promise<string> {
  const kept = path.slice(0, -PARTIAL.length) + STORED;
  await rename(path, kept);
  return kept;
}

/** Removes files that an upload has brought; other files, such as a test's own, are left alone. */
export async function removeFiles(paths: readonly (string | null)[]): Promise<void> {
  const ours = paths.filter((path) => path?.endsWith(STORED) || path?.endsWith(PARTIAL)) as string[];
  await Promise.all(ours.map((path) => rm(path, { force: true })));
}

/** Removes what uploads have left behind whose process was killed, after a day. */
export async function removeOldPartials(uploadDir: string, now: number): Promise<void> {
  for (const name of await readdir(uploadDir)) {
    if (!name.endsWith(PARTIAL)) continue;
    const path = join(uploadDir, name);
    const modified = await stat(path).then(
      (stats) => stats.mtimeMs,
      () => now,
    );
    if (now - modified > PARTIAL_LASTS_MS) await rm(path, { force: true });
  }
}
