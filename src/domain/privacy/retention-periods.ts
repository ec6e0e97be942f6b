/**
 * How long what is kept, after the retention table of the project's document on personal data. Suppressions are for ever
 * and customers' contacts are not prospects: neither has a rule. Consumed events leave the outbox after seven days by
 * its relay.
 */

export interface RetentionPeriod {
  /** What a run removes, in words. */
  removes: string;
  keepMonths?: number;
  keepDays?: number;
  /** From when on it is counted. */
  after: string;
}

export const retentionPeriods = {
  sole_traders: {
    removes: "prospects who are natural persons (PFA, II, IF), with all that is known of them",
    keepMonths: 24,
    after: "the last interaction; at once after an objection",
  },
  companies: {
    removes: "what was found out about companies; the public register's row stays",
    keepMonths: 24,
    after: "the last interaction; at once after an objection",
  },
  snapshots: { removes: "answers of providers", keepMonths: 24, after: "they came" },
  inbound_events: {
    removes: "replies and other events from channels",
    keepMonths: 24,
    after: "they happened",
  },
  import_files: { removes: "uploaded files of imports", keepDays: 30, after: "the import ended" },
  rejected_rows: {
    removes: "places of rows that were not imported",
    keepDays: 90,
    after: "the import ended",
  },
  webhook_bodies: { removes: "bodies of webhooks that came in", keepDays: 90, after: "they came" },
  webhook_messages: {
    removes: "messages to webhook endpoints, with what these answered",
    keepDays: 90,
    after: "they were written; those still to be delivered stay",
  },
  idempotency_keys: { removes: "answers kept for repeated requests", keepDays: 0, after: "they expired" },
  audit_entries: {
    removes: "entries of the audit trail, the oldest first",
    keepMonths: 36,
    after: "they were written",
  },
} as const satisfies Record<string, RetentionPeriod>;

export type RetentionRule = keyof typeof retentionPeriods;
export const retentionRules = Object.keys(retentionPeriods) as RetentionRule[];

const DAY_MS = 24 * 3_600_000;

/** What is older than this goes. Months are calendar months; a day that the month lacks is its last. */
export function cutoffOf(rule: RetentionRule, now: Date): Date {
  const { keepMonths = 0, keepDays = 0 }: RetentionPeriod = retentionPeriods[rule];
  const cutoff = new Date(now);
  cutoff.setUTCDate(1);
  cutoff.setUTCMonth(cutoff.getUTCMonth() - keepMonths);
  const lastDay = new Date(Date.UTC(cutoff.getUTCFullYear(), cutoff.getUTCMonth() + 1, 0)).getUTCDate();
  cutoff.setUTCDate(Math.min(now.getUTCDate(), lastDay));
  return new Date(cutoff.getTime() - keepDays * DAY_MS);
}
