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
] as const;
export type Kind = (typeof KINDS)[number];

export const APP_ID = "crash";
export const LIMIT_PER_KEY = 2;
/** Starts per second and key of the throttled function. */
export const STARTS_PER_SECOND = 2;
export const CHILDREN = 2;
/** Attempts that a run of these kinds makes at its failing step: the others make one. */
export const ATTEMPTS: Partial<Record<Kind, number>> = { flaky: 3, doomed: 2 };
