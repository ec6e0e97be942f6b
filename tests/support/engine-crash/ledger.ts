import { appendFileSync, readFileSync } from "node:fs";

/** What the app under test notes outside of everything that is killed: one line a fact, appended at once. */
export type Fact =
  /** A call of the engine: its id (a ULID, so it says when the call was made) and the steps it carried results of. */
  | { kind: "call"; request: string; run: string; carried: string[] }
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
  | { kind: "threw"; mark: string; atMs: number };

/** A line is in the kernel's hands when this returns: killing the process does not take it back. */
export function note(file: string, fact: Fact): void {
  appendFileSync(file, `${JSON.stringify(fact)}\n`);
}

/** All facts; the last line of a process killed in the middle of writing it would be left out. */
export function readLedger(file: string): Fact[] {
  const facts: Fact[] = [];
  for (const line of readFileSync(file, "utf8").split("\n")) {
    try {
      if (line) facts.push(JSON.parse(line) as Fact);
    } catch {
      // Half a line: its process was killed while it wrote.
    }
  }
  return facts;
}
