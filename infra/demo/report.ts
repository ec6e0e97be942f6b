/** What came of a demo: as JSON (the format is documented in README.md) and as tables. */
import Table from "cli-table3";
import type { FieldCounts } from "#db/queries/job-fields.ts";
import type { JobProgress } from "#db/queries/jobs.ts";
import { duration } from "./progress.ts";

export interface DemoReport {
  import: {
    rows: number;
    imported: number;
    duplicates: number;
    rejected: number;
    rejectedBy: Record<string, number>;
  };
  prospects: { total: number; enriched: number; failed: number };
  tiers: { gold: number; silver: number; bronze: number; unqualified: number };
  fields: Record<string, FieldCounts>;
  providers: Record<string, { calls: number; retries: number; rateLimited: number; costMicros: number }>;
  engine: "local" | "inngest";
  durationMs: number;
  /** From the first request to a provider to its last answer. */
  prospectsPerSecond: number;
  errors: string[];
  /** Providers that were simulated. */
  simulated: string[];
}

export interface Circumstances {
  engine: "local" | "inngest";
  durationMs: number;
  errors: string[];
  simulated: string[];
}

export function makeReport(job: JobProgress, around: Circumstances): DemoReport {
  if (!job.import) throw new Error("The demo's job imports a file.");
  const { rows, imported, duplicates, rejected, rejectedBy } = job.import;
  const providers = Object.entries(job.providers);
  const sentAt = providers.flatMap(([, stats]) => (stats.firstSentAt ? [Date.parse(stats.firstSentAt)] : []));
  const answeredAt = providers.flatMap(([, stats]) =>
    stats.lastAnsweredAt ? [Date.parse(stats.lastAnsweredAt)] : [],
  );
  const spanMs = sentAt.length > 0 ? Math.max(...answeredAt) - Math.min(...sentAt) : 0;
  return {
    import: { rows, imported, duplicates, rejected, rejectedBy },
    prospects: job.prospects,
    tiers: job.tiers,
    fields: job.fields,
    providers: Object.fromEntries(
      providers.map(([name, { calls, retries, rateLimited, costMicros }]) => [
        name,
        { calls, retries, rateLimited, costMicros },
      ]),
    ),
    engine: around.engine,
    durationMs: around.durationMs,
    prospectsPerSecond: spanMs > 0 ? Math.round((job.prospects.total / spanMs) * 10_000) / 10 : 0,
    errors: job.error ? [...around.errors, job.error.message] : around.errors,
    simulated: around.simulated,
  };
}

/** Whether every prospect has reached a final state. */
export const allFinal = (report: DemoReport): boolean =>
  report.prospects.enriched + report.prospects.failed === report.prospects.total;

const number = new Intl.NumberFormat("en");
const n = (value: number) => number.format(value);

/** The report for a person, in colour where that is wanted. */
export function printReport(report: DemoReport, colour: boolean): string {
  const { import: file, prospects, tiers } = report;
  const table = (head: string[]) => new Table({ head, style: colour ? {} : { head: [], border: [] } });
  const summary = table(["rows", "imported", "duplicates", "rejected", "enriched", "failed"]);
  summary.push(
    [file.rows, file.imported, file.duplicates, file.rejected, prospects.enriched, prospects.failed].map(n),
  );

  const tierTable = table(["gold", "silver", "bronze", "unqualified"]);
  tierTable.push([tiers.gold, tiers.silver, tiers.bronze, tiers.unqualified].map(n));

  const euros = (micros: number) => `€ ${(micros / 1_000_000).toFixed(2)}`;
  const fields = table([
    ...[
      "field",
      "asked about",
      "found",
      "not found",
      "in review",
      "failed",
      "not eligible",
      "still fresh",
      "hits",
    ],
    "cost",
  ]);
  for (const [field, counts] of Object.entries(report.fields)) {
    const { found, notFound, inReview, failed, skipped, ineligible, costMicros } = counts;
    const asked = found + notFound + inReview + failed;
    const hits = asked === 0 ? "-" : `${((found / asked) * 100).toFixed(1)} %`;
    const shown = [asked, found, notFound, inReview, failed, ineligible, skipped].map(n);
    fields.push([field, ...shown, hits, costMicros > 0 ? euros(costMicros) : "-"]);
  }

  const providers = table(["provider", "calls", "retries", "rate limited", "cost"]);
  for (const [name, { calls, retries, rateLimited, costMicros }] of Object.entries(report.providers)) {
    const shown = report.simulated.includes(name) ? `${name} (simulator)` : name;
    providers.push([shown, n(calls), n(retries), n(rateLimited), costMicros > 0 ? euros(costMicros) : "-"]);
  }

  const rejected = Object.entries(file.rejectedBy).map(([reason, count]) => `${reason} ${n(count)}`);
  return [
    summary.toString(),
    rejected.length > 0 ? `rejected: ${rejected.join(", ")}` : null,
    tierTable.toString(),
    fields.toString(),
    providers.toString(),
    `${report.prospectsPerSecond} companies/s from the first request to the last answer; ${duration(report.durationMs)} in all; engine: ${report.engine}`,
    ...report.errors.map((error) => `! ${error}`),
  ]
    .filter((line) => line !== null)
    .join("\n");
}
