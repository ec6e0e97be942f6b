import { Environment, serialize } from "@marcbachmann/cel-js";

/** What an expression may look at: `event`, and `async` where two events meet. */
export interface Facts {
  event: unknown;
  async?: unknown;
}

type Compiled = (facts: Facts) => unknown;

const environment = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false });
const compiled = new Map<string, Compiled>();

/** Null when the CEL expression can be parsed, else why not, in one line. */
export function expressionProblem(source: string): string | null {
  try {
    compile(source);
    return null;
  } catch (error) {
    return String((error as Error).message).split("\n")[0] ?? "cannot be parsed";
  }
}

/** The value of an expression; undefined when it cannot be evaluated. A missing key counts as null. */
export function evaluate(source: string, facts: Facts): unknown {
  const run = compile(source);
  try {
    return run(facts);
  } catch {
    try {
      return run(lenient(facts) as Facts);
    } catch {
      return undefined;
    }
  }
}

/** Whether an expression is exactly true for these facts; one that fails is false, never an error. */
export function matches(source: string | null, facts: Facts): boolean {
  return source === null || evaluate(source, facts) === true;
}

/** An expression's value as the text of a key; values that are no text are printed as JSON. */
export function keyOf(source: string, facts: Facts): string {
  const value = evaluate(source, facts);
  if (typeof value === "string") return value;
  return (
    JSON.stringify(value, (_key, member) => (typeof member === "bigint" ? Number(member) : member)) ?? ""
  );
}

/** A node of an expression's syntax, with the text that it stands for. */
export interface AstNode {
  op: string;
  args: unknown;
  source: string;
}

/** The syntax tree of an expression that can be parsed. */
export function syntaxOf(source: string): AstNode {
  const read = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(read);
    if (typeof node !== "object" || node === null || !("op" in node)) return node;
    const { op, args } = node as { op: string; args: unknown };
    return { op, args: read(args), source: serialize(node as Parameters<typeof serialize>[0]) };
  };
  return read(environment.parse(source).ast) as AstNode;
}

function compile(source: string): Compiled {
  let run = compiled.get(source);
  if (!run) {
    const parsed = environment.parse(source);
    run = (facts) => parsed({ ...facts });
    if (compiled.size > 5_000) compiled.clear();
    compiled.set(source, run);
  }
  return run;
}

/** The same data, where every key that is asked for exists: null when it did not. */
function lenient(value: unknown): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return new Proxy(value, {
    get: (target, key) =>
      key in target ? lenient(Reflect.get(target, key)) : typeof key === "string" ? null : undefined,
    has: () => true,
    getOwnPropertyDescriptor: (target, key) =>
      Reflect.getOwnPropertyDescriptor(target, key) ?? {
        value: null,
        writable: true,
        enumerable: true,
        configurable: true,
      },
  });
}
