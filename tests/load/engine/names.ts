/** Keys of the load test's engine and app; both listen on loopback only, for the length of a run. */
export const KEYS = { INNGEST_SIGNING_KEY: "deadbeefcafe0123", INNGEST_EVENT_KEY: "deadbeef" };

export const EVENTS = {
  /** Starts a function of one step. */
  one: "load/one",
  /** Starts a function of one step whose concurrency has a key. */
  keyed: "load/keyed",
  /** Nobody listens. */
  none: "load/none",
};
