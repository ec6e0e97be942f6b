import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, statSync } from "node:fs";

const rotateAboveBytes = 20 * 1024 * 1024;
const tailBytes = 32 * 1024;

/** Opens a part's log for appending; a log grown past 20 MB is put aside as `.1` first. */
export function openLog(file: string): { fd: number; startsAt: number } {
  if (existsSync(file) && statSync(file).size > rotateAboveBytes) renameSync(file, `${file}.1`);
  const fd = openSync(file, "a", 0o600);
  return { fd, startsAt: fstatSync(fd).size };
}

/** The last lines that were written to `file` after byte `startsAt`. */
export function lastLines(file: string, startsAt: number, count = 20): string[] {
  return readFrom(file, Math.max(startsAt, sizeOf(file) - tailBytes))
    .text.split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-count);
}

/** Hands each line written to `file` after byte `startsAt` to `onLine`; the returned function ends it. */
export function follow(file: string, startsAt: number, onLine: (line: string) => void): () => void {
  let position = startsAt;
  let partial = "";
  const read = () => {
    const chunk = readFrom(file, position);
    position += chunk.bytes;
    const lines = (partial + chunk.text).split("\n");
    partial = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  };
  const timer = setInterval(read, 100);
  timer.unref();
  return () => {
    clearInterval(timer);
    read();
    if (partial !== "") onLine(partial);
    partial = "";
  };
}

function sizeOf(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

function readFrom(file: string, position: number): { text: string; bytes: number } {
  const length = Math.max(0, sizeOf(file) - position);
  if (length === 0) return { text: "", bytes: 0 };
  const fd = openSync(file, "r");
  try {
    const buffer = Buffer.alloc(length);
    const bytes = readSync(fd, buffer, 0, length, position);
    return { text: buffer.toString("utf8", 0, bytes), bytes };
  } finally {
    closeSync(fd);
  }
}
