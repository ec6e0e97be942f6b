/** The functions under load, by the event that starts them. */
export const KINDS = [
  "one",
  "chain",
  "fan",
  "nap",
  "flaky",
  "parent",
  "limited",
  "throttled",
  "doomed",
  "waiter",
  "signalled",
  "stoppable",
  "hurried",
  "patient",
  "batched",
  "debounced",
  "single-skip",
  "single-cancel",
  "rated",
] as const;
export type Kind = (typeof KINDS)[number];

export const APP_ID = "crash";
export const LIMIT_PER_KEY = 2;
/** Starts per second and key of the throttled function. */
export const STARTS_PER_SECOND = 2;
export const CHILDREN = 2;
/** Attempts that a run of these kinds makes at its failing step: the others make one. */
export const ATTEMPTS: Partial<Record<Kind, number>> = { flaky: 3, doomed: 2 };

/** The functions of a batched event: how many events a run has at most, and whether all are of one key. */
export const BATCHES: Record<string, { maxSize: number; keyed: boolean }> = {
  batched: { maxSize: 3, keyed: true },
  "batched-all": { maxSize: 5, keyed: false },
};

/** How long a waiter and a signalled run wait, in seconds. */
export const WAIT_S = 2;
/** How long the last event of a debounced key is held, in seconds. */
export const DEBOUNCE_S = 1;
/** Runs of the rated function that may start per key in so many seconds. */
export const RATE = { limit: 2, periodS: 2 };
/** How long a hurried run may go on, and a patient one wait for its start, in seconds. */
export const TIMEOUT_S = 1;

export const STATUS = { active: 0, completed: 1, failed: 2, cancelled: 3 } as const;

/** How runs may end that do not just complete; a rule of their own says which of them how. */
export const ENDS: Partial<Record<Kind, readonly number[]>> = {
  doomed: [STATUS.failed],
  stoppable: [STATUS.completed, STATUS.cancelled],
  hurried: [STATUS.completed, STATUS.cancelled],
  patient: [STATUS.completed, STATUS.cancelled],
  "single-cancel": [STATUS.completed, STATUS.cancelled],
};

/** Kinds of which an accepted event may start no run of its own; a rule of their own says when. */
export const GATED: ReadonlySet<Kind> = new Set<Kind>(["batched", "debounced", "single-skip", "rated"]);

/** Whether this event's hurried run goes on for longer than it may. */
export const dawdles = (n: number): boolean => n % 2 === 1;
