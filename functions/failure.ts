import type { GetStepTools, Inngest } from "inngest";

/** What an `onFailure` handler gets, where the failed run was started by an event with `Data`. */
export interface Failure<Data> {
  event: { data: { event: { data: Data } } };
  error: Error;
  step: GetStepTools<Inngest>;
}
