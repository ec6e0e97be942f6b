/**
 * Stops hammering a service that keeps failing. One breaker knows what this process has seen; several replicas find
 * out separately, within a few calls each. The rules are in `src/domain/circuit.ts`; why no library:
 * docs/decisions/0005-provider-limits.md.
 */
import { admit, type Circuit, type CircuitRules, CLOSED, settle } from "#src/domain/circuit.ts";
import { AppError } from "#src/domain/errors.ts";

/** Refused without asking. */
export class BreakerOpenError extends AppError {
  /** When the next call may get through. */
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super("breaker_open", "Too many calls failed in a row; no more are made for a while.");
    this.retryAfterMs = retryAfterMs;
  }
}

/** half_open: the pause is over, and one call finds out (or is finding out) whether the service is back. */
export type BreakerState = "closed" | "open" | "half_open";

export interface Breaker {
  state(): BreakerState;
  /** Milliseconds until it may be tried again; 0 unless it is open. */
  retryAfterMs(): number;
  /**
   * Does the work, unless the breaker is open. The work has to end by itself: give it a timeout.
   * @param isFailure whether an error is the service's failure (an outage) or not ("no such company"); null when it
   * says nothing about the service, such as our own giving up
   * @throws BreakerOpenError; else what the work throws
   */
  run<Result>(work: () => Promise<Result>, isFailure: (error: unknown) => boolean | null): Promise<Result>;
}

export interface BreakerOptions extends CircuitRules {
  now: () => Date;
}

/** Those who come while the one call is still finding out. */
const RETRY_WHILE_PROBING_MS = 1_000;

export function createBreaker({ now, ...rules }: BreakerOptions): Breaker {
  let circuit: Circuit = CLOSED;
  const nowMs = () => now().getTime();
  return {
    state() {
      if (circuit.state === "closed") return "closed";
      return circuit.state === "open" && nowMs() < circuit.untilMs ? "open" : "half_open";
    },
    retryAfterMs: () => (circuit.state === "open" ? Math.max(circuit.untilMs - nowMs(), 0) : 0),
    async run(work, isFailure) {
      const admission = admit(circuit, nowMs());
      if (!admission.admitted) throw new BreakerOpenError(admission.retryAfterMs ?? RETRY_WHILE_PROBING_MS);
      const { admitted } = admission;
      circuit = admission.circuit;
      try {
        const result = await work();
        circuit = settle(circuit, rules, { admitted, failed: false }, nowMs());
        return result;
      } catch (error) {
        circuit = settle(circuit, rules, { admitted, failed: isFailure(error) }, nowMs());
        throw error;
      }
    },
  };
}
