/** A stack that cannot start or go on, said in one sentence for the person at the terminal. */
export class StackError extends Error {
  override name = "StackError";
}
