import type { Evidence, Finding } from "./evidence.ts";
import { judgeBatches } from "./rules/batches.ts";
import { judgeCancelOn } from "./rules/cancel-on.ts";
import { judgeConcurrency } from "./rules/concurrency.ts";
import { judgeDebounce } from "./rules/debounce.ts";
import { judgeEnds } from "./rules/ends.ts";
import { judgeEvents } from "./rules/events.ts";
import { judgeRateLimit } from "./rules/rate-limit.ts";
import { judgeSignals } from "./rules/signals.ts";
import { judgeSingletons } from "./rules/singleton.ts";
import { judgeCalls, judgeSeen, judgeSteps } from "./rules/steps.ts";
import { judgeThrottle } from "./rules/throttle.ts";
import { judgeTimeouts } from "./rules/timeouts.ts";
import { judgeWaits } from "./rules/waits.ts";

const RULES = [
  judgeEvents,
  judgeEnds,
  judgeSteps,
  judgeSeen,
  judgeCalls,
  judgeConcurrency,
  judgeThrottle,
  judgeWaits,
  judgeSignals,
  judgeCancelOn,
  judgeTimeouts,
  judgeBatches,
  judgeDebounce,
  judgeSingletons,
  judgeRateLimit,
];

/** Compares what the app noted with what the engine recorded. No problem means: nothing lost, nothing done twice. */
export function judge(evidence: Evidence): Finding {
  const findings = RULES.map((rule) => rule(evidence));
  return {
    problems: findings.flatMap(({ problems }) => problems),
    figures: Object.assign({}, ...findings.map(({ figures }) => figures)),
  };
}
