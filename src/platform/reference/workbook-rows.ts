/**
 * The rows of an Excel workbook. It is read in a thread with a memory of its own: a few bytes of a workbook can stand
 * for any number of cells, and reading it would hold everybody else up.
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { InvalidInputError } from "#src/domain/errors.ts";
import type { TableRow } from "./table-rows.ts";
import { unfoldedSize } from "./unfolded-size.ts";

const MIB = 1_048_576;
export interface WorkbookLimits {
  /** Of all parts of the workbook, unpacked. */
  maxUnfoldedBytes: number;
  /** Of the thread that reads it. */
  memoryMib: number;
  timeoutMs: number;
}

const LIMITS: WorkbookLimits = { maxUnfoldedBytes: 192 * MIB, memoryMib: 512, timeoutMs: 120_000 };

/** @throws InvalidInputError when it is too large, or no workbook that we can read */
export async function* workbookRows(path: string, limits = LIMITS): AsyncGenerator<TableRow> {
  const { maxUnfoldedBytes, memoryMib, timeoutMs } = limits;
  if ((await unfoldedSize(await readFile(path), maxUnfoldedBytes)) > maxUnfoldedBytes) throw tooLarge();
  const thread = new Worker(new URL("./workbook-thread.ts", import.meta.url), {
    workerData: path,
    resourceLimits: { maxOldGenerationSizeMb: memoryMib },
  });
  const timer = setTimeout(() => thread.terminate(), timeoutMs);
  try {
    for (;;) {
      thread.postMessage("more");
      const rows = await nextRows(thread);
      if (rows === null) return;
      yield* rows;
    }
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}

async function nextRows(thread: Worker): Promise<TableRow[] | null> {
  const ended = new AbortController();
  const gone = once(thread, "exit", { signal: ended.signal }).then(() => {
    throw tooLarge();
  });
  gone.catch(() => {});
  try {
    const [rows] = await Promise.race([once(thread, "message", { signal: ended.signal }), gone]);
    return rows;
  } catch (cause) {
    if (cause instanceof InvalidInputError) throw cause;
    if ((cause as { code?: string }).code === "ERR_WORKER_OUT_OF_MEMORY") throw tooLarge(cause);
    throw new InvalidInputError(
      "unreadable_workbook",
      "The file is a ZIP archive that is no Excel workbook we can read: save the sheet as CSV and send that.",
      { field: "file", cause },
    );
  } finally {
    ended.abort();
  }
}

const tooLarge = (cause?: unknown): InvalidInputError =>
  new InvalidInputError(
    "workbook_too_large",
    "The workbook unfolds to more than we read at once: save the sheet as CSV and send that.",
    { field: "file", cause },
  );
