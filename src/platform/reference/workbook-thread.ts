/** A thread that reads an Excel workbook: asked for more, it answers the next rows of the first sheet, and null after the last. */
import { parentPort, workerData } from "node:worker_threads";
import readWorkbook from "read-excel-file/node";

/** Rows of one answer. */
const BATCH = 1_000;
const MAX_CELLS = 200;
/** Longer than any name or number in a register. */
const MAX_CELL_CHARACTERS = 2_000;

const sheets = await readWorkbook(workerData as string);
const rows = sheets[0]?.data ?? [];
let read = 0;

parentPort?.on("message", () => {
  if (read >= rows.length) {
    parentPort?.postMessage(null);
    parentPort?.close();
    return;
  }
  const batch = rows.slice(read, read + BATCH).map((row, index) => ({
    lineNumber: read + index + 1,
    cells: row
      .slice(0, MAX_CELLS)
      .map((value) => (value === null ? "" : String(value).slice(0, MAX_CELL_CHARACTERS))),
  }));
  read += BATCH;
  parentPort?.postMessage(batch.filter(({ cells }) => cells.some((cell) => cell.trim() !== "")));
});
