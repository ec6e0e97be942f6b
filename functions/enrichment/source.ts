/** Where a field's values can come from. */
import type { WorkKey } from "#db/queries/chunk-work.ts";
import type { Target } from "#db/queries/field-values.ts";
import type { Deps } from "#src/deps.ts";

/** What a source says of one prospect. */
export type SourceAnswer<Value> =
  | {
      status: "found";
      value: Value;
      confidencePct: number;
      snapshotId: string | null;
      observedAt: Date;
      costMicros?: number;
    }
  | { status: "notFound"; snapshotId: string | null; observedAt: Date; costMicros?: number }
  /** Good, but not good enough: a person decides, or `reject` after two days. */
  | {
      status: "review";
      value: Value;
      confidencePct: number;
      reasons: readonly { part: string; points: number }[];
      snapshotId: string | null;
      observedAt: Date;
      costMicros?: number;
    }
  /**
   * `retryable`: the next round asks again; in the last round the result stands. `notAsked`: it was left out for want of
   * money or credit, so the question stays open whatever other sources say.
   */
  | { status: "failed"; code: string; retryable: boolean; notAsked?: boolean }
  /** It cannot be asked now, or for long: the next source is; with none left, the field comes back later. */
  | { status: "unavailable" }
  /** Somebody has paused it: no other source is asked instead, and the prospect's work waits until that is lifted. */
  | { status: "paused"; pauseId: string }
  /** It has nothing to ask with, or is not in use: as if it were not there. */
  | { status: "passed" };

/** Where a value can come from. A source that can ask for many at once does so. */
export interface Source<Value> {
  /** Name of the provider or register, kept as the value's provenance. */
  provider: string;
  /** What asking about one prospect costs at most, in micro-euros; absent: nothing. */
  priceMicros?: (deps: Deps) => number;
  /** Prospects a second by the provider's own limit; absent or null: none. */
  perSecond?: (deps: Deps) => number | null;
  /** Whether it can be asked at all (its credentials are there); absent: yes. */
  inUse?: (deps: Deps) => boolean;
  /**
   * Asks for prospects of one chunk. Who is not in the answer counts as failed and is asked again.
   * @throws ProviderError rate_limited or unavailable: the field comes back later, with what others got kept
   */
  ask: (
    deps: Deps,
    key: WorkKey,
    targets: readonly Target[],
  ) => Promise<ReadonlyMap<string, SourceAnswer<Value>>>;
}
