import { appendFileSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";

/** What the app under test notes outside of everything that is killed: one line a fact, appended at once. */
export type Fact =
  /**
   * A call of the engine: its id (a ULID, so it says when the call was made), the steps it carried results of, and
   * the numbers of the events it was for.
   */
  | { kind: "call"; request: string; run: string; carried: string[]; events: number[] }
  /**
   * A step's code began to run; `mark` is this execution's own and is what the step returns. `seen` are the results
   * of earlier steps that its function had in hand: the SDK goes on only when the engine has said they are recorded.
   */
  | {
      kind: "start";
      request: string;
      run: string;
      step: string;
      attempt: number;
      mark: string;
      seen: string[];
      atMs: number;
    }
  | { kind: "end"; mark: string; atMs: number }
  | { kind: "threw"; mark: string; atMs: number }
  /** A function went on after its wait: with the event or signal of that number, or with none (its timeout). */
  | { kind: "woke"; run: string; with: number | null };

/** A line is in the kernel's hands when this returns: killing the process does not take it back. */
export function note(file: string, fact: Fact): void {
  appendFileSync(file, `${JSON.stringify(fact)}\n`);
}

/** All facts; the last line of a process killed in the middle of writing it would be left out. */
export function readLedger(file: string): Fact[] {
  return parseLines(readFileSync(file, "utf8"));
}

/** Reads what was noted since it was last asked. */
export function followLedger(file: string): () => Fact[] {
  const handle = openSync(file, "r");
  let offset = 0;
  return () => {
    const { size } = fstatSync(handle);
    const bytes = Buffer.alloc(size - offset);
    readSync(handle, bytes, 0, bytes.length, offset);
    const whole = bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
    offset += whole.length;
    return parseLines(whole.toString("utf8"));
  };
}

function parseLines(text: string): Fact[] {
  const facts: Fact[] = [];
  for (const line of text.split("\n")) {
    try {
      if (line) facts.push(JSON.parse(line) as Fact);
    } catch {
      // Half a line: its process was killed while it wrote.
    }
  }
  return facts;
}
