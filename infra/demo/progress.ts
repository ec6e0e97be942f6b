/** The live line: rows imported, prospects done, per field, rate, time left. */
import type { FieldCounts } from "#db/queries/job-fields.ts";
import type { JobProgress } from "#db/queries/jobs.ts";

const BAR = 24;
const PLAIN_EVERY_MS = 5000;

const number = new Intl.NumberFormat("en");

export interface Progress {
  show(job: JobProgress): void;
  /** A line of its own, above the live one. */
  note(text: string): void;
  end(): void;
}

/** Redraws one line on a terminal; elsewhere writes a line every few seconds. */
export function createProgress(out: NodeJS.WriteStream): Progress {
  let drawn = false;
  let lastPlainAt = 0;
  const rate = createRate();
  const clear = () => {
    if (drawn) out.write("\r\x1b[2K");
    drawn = false;
  };
  return {
    show(job) {
      const line = describe(job, rate(job));
      if (out.isTTY) {
        clear();
        out.write(line.slice(0, (out.columns ?? 120) - 1));
        drawn = true;
      } else if (Date.now() - lastPlainAt >= PLAIN_EVERY_MS || job.status === "done") {
        lastPlainAt = Date.now();
        out.write(`${line}\n`);
      }
    },
    note(text) {
      clear();
      out.write(`${text}\n`);
    },
    end: clear,
  };
}

const finished = (job: JobProgress) => job.prospects.enriched + job.prospects.failed;

/** Prospects finished a second over the last ten seconds. */
function createRate() {
  const seen: { at: number; count: number }[] = [];
  return (job: JobProgress): number => {
    const now = Date.now();
    seen.push({ at: now, count: finished(job) });
    while (seen.length > 2 && now - (seen[0]?.at ?? now) > 10_000) seen.shift();
    const first = seen[0];
    return first && now > first.at ? ((finished(job) - first.count) * 1000) / (now - first.at) : 0;
  };
}

/** One line for where the job stands: companies scored, then which slower fields are still being filled in. */
export function describe(job: JobProgress, perSecond: number): string {
  if (job.status === "queued") return "waiting to be imported";
  if (job.status === "importing") return `importing: ${number.format(job.import?.rows ?? 0)} rows read`;
  const { total } = job.prospects;
  const done = finished(job);
  const share = total === 0 ? 1 : done / total;
  const bar = "█".repeat(Math.round(share * BAR)).padEnd(BAR, "░");
  const left = perSecond > 0 && done < total ? `, ${duration(((total - done) / perSecond) * 1000)} left` : "";
  const pace = done < total ? `, ${Math.round(perSecond)}/s${left}` : "";
  const open = Object.entries(job.fields)
    .map(([field, counts]) => ({ field, ended: endedOf(counts) }))
    .filter(({ ended }) => ended < total)
    .map(({ field, ended }) => `${field} ${Math.floor((ended / total) * 100)} %`);
  const filling = open.length > 0 ? `; filling in ${open.join(", ")}` : "";
  return `${bar} ${number.format(done)}/${number.format(total)} companies scored${pace}${filling}`;
}

const endedOf = ({ found, notFound, inReview, failed, skipped, ineligible }: FieldCounts): number =>
  found + notFound + inReview + failed + skipped + ineligible;

/** "1 h 5 min", "2 min 10 s", "7 s". */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
