/** What went wrong, in one sentence for the person at the terminal. */
export class SetupError extends Error {}

/** One line for one thing that is done. */
export function say(line) {
  console.log(`setup: ${line}`);
}

/** The last lines of what a command said, indented, to stand below a message. */
export function tailOf(result) {
  return quote(linesOf(result).slice(-15));
}

/** The first lines of it, for commands that end their errors with pages of help. */
export function headOf(result) {
  return quote(linesOf(result).slice(0, 15));
}

function linesOf(result) {
  const text = result.error?.message ?? `${result.stdout ?? ""}${result.stderr ?? ""}`;
  return text.split("\n").filter((line) => line.trim() !== "");
}

function quote(lines) {
  return lines.map((line) => `\n  | ${line}`).join("");
}
