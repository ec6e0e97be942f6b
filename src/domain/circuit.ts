/**
 * When to stop asking a service that keeps failing, and when to try again: a circuit opens when enough of its last
 * calls failed, refuses everything for a while, then lets one call through to see (Nygard, "Release It!", chapter 5).
 */

export interface CircuitRules {
  /** So many of the newest calls count. */
  window: number;
  /** It opens when so many of them failed. */
  failures: number;
  /** It refuses everything for so long. */
  openMs: number;
}

export type Circuit =
  /** `failed`: what became of the newest calls, oldest first. */
  | { state: "closed"; failed: readonly boolean[] }
  | { state: "open"; untilMs: number }
  /** One call is under way, on which the rest depends. */
  | { state: "probing" };

export const CLOSED: Circuit = { state: "closed", failed: [] };

/** May a call be made? As the probe, its outcome alone decides what follows. */
export function admit(
  circuit: Circuit,
  nowMs: number,
): { admitted: "call" | "probe"; circuit: Circuit } | { admitted: false; retryAfterMs: number | null } {
  if (circuit.state === "closed") return { admitted: "call", circuit };
  if (circuit.state === "probing") return { admitted: false, retryAfterMs: null };
  if (nowMs < circuit.untilMs) return { admitted: false, retryAfterMs: circuit.untilMs - nowMs };
  return { admitted: "probe", circuit: { state: "probing" } };
}

/**
 * What an admitted call changes when it ends. `failed: null`: its end says nothing about the service (given up by us);
 * after such a probe the next call is one. A call that began before the circuit opened changes nothing any more.
 */
export function settle(
  circuit: Circuit,
  { window, failures, openMs }: CircuitRules,
  call: { admitted: "call" | "probe"; failed: boolean | null },
  nowMs: number,
): Circuit {
  const opened: Circuit = { state: "open", untilMs: nowMs + openMs };
  if (call.admitted === "probe") {
    if (call.failed === null) return { state: "open", untilMs: nowMs };
    return call.failed ? opened : CLOSED;
  }
  if (circuit.state !== "closed" || call.failed === null) return circuit;
  const failed = [...circuit.failed, call.failed].slice(-window);
  return failed.filter(Boolean).length >= failures ? opened : { state: "closed", failed };
}
