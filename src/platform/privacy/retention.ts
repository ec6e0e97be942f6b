/** Removes what may not be kept any longer, rule by rule and in small transactions, and counts what it would remove. */
import { type Db, inRetention, inWorkspace, type Tx } from "#db/client.ts";
import { countOldEntries, removeOldEntries } from "#db/queries/audit.ts";
import {
  type Batch,
  countDueBodies,
  countDueCompanies,
  countDueFiles,
  countDueRows,
  countDueSnapshots,
  countDueSoleTraders,
  importsWithDueFiles,
  markFilesRemoved,
  type RemovedProspects,
  type RowRule,
  removeBodies,
  removeCompanies,
  removeRows,
  removeSnapshots,
  removeSoleTraders,
} from "#db/queries/retention.ts";
import { cutoffOf, type RetentionRule, retentionRules } from "#src/domain/privacy/retention-periods.ts";
import { recordAudit } from "../audit.ts";
import { mergeValues } from "../golden-records.ts";
import { removeFiles } from "../registry-import/upload-files.ts";

/** How many of what each rule is about. */
export type RetentionCounts = Record<RetentionRule, number>;

/** How far a rule has come. */
export interface RuleProgress {
  removed: number;
  /** Where to go on; null with `done` false: at the beginning, for rules that need no place. */
  afterId: string | null;
  done: boolean;
}

interface Scope {
  db: Db;
  workspaceId: string;
  before: Date;
  now: Date;
}

interface Rule {
  count: (tx: Tx, before: Date) => Promise<number>;
  /** One transaction's worth. `lastId`: the last that was gone through, for rules that go by ids. */
  remove: (scope: Scope, batch: Batch) => Promise<{ removed: number; lastId?: string | null }>;
}

const rules: Record<RetentionRule, Rule> = {
  sole_traders: { count: countDueSoleTraders, remove: prospects(removeSoleTraders) },
  companies: { count: countDueCompanies, remove: prospects(removeCompanies) },
  snapshots: { count: countDueSnapshots, remove: rows(removeSnapshots) },
  inbound_events: rowsOf("inbound_events"),
  import_files: { count: countDueFiles, remove: files },
  rejected_rows: rowsOf("rejected_rows"),
  webhook_bodies: { count: countDueBodies, remove: rows(removeBodies) },
  webhook_messages: rowsOf("webhook_messages"),
  idempotency_keys: rowsOf("idempotency_keys"),
  audit_entries: {
    count: countOldEntries,
    remove: async ({ db, workspaceId, before }, { limit }) => ({
      removed: await inRetention(db, (tx) => removeOldEntries(tx, { workspaceId, before, limit })),
    }),
  },
};

/** What {@link removeByRule} would remove at this time, by rule. Changes nothing. */
export async function countDue(tx: Tx, now: Date): Promise<RetentionCounts> {
  const counts = {} as RetentionCounts;
  for (const rule of retentionRules) counts[rule] = await rules[rule].count(tx, cutoffOf(rule, now));
  return counts;
}

const BATCH = 500;

/**
 * Goes on with a rule for some transactions (of up to {@link BATCH} rows each). A repeat is harmless: what is gone is not
 * due any more.
 * @param now of the whole run, so that a run which takes hours has one cutoff
 */
export async function removeByRule(
  db: Db,
  rule: RetentionRule,
  { workspaceId, now, afterId }: { workspaceId: string; now: Date; afterId: string | null },
  { batches = 20, batchSize = BATCH }: { batches?: number; batchSize?: number } = {},
): Promise<RuleProgress> {
  const scope = { db, workspaceId, now, before: cutoffOf(rule, now) };
  const progress: RuleProgress = { removed: 0, afterId, done: false };
  for (let n = 0; n < batches && !progress.done; n++) {
    const { removed, lastId } = await rules[rule].remove(scope, {
      afterId: progress.afterId,
      limit: batchSize,
    });
    progress.removed += removed;
    progress.afterId = lastId ?? progress.afterId;
    progress.done = removed < batchSize;
  }
  return progress;
}

/** All rules, one after the other, to the end. Leaves an entry with the counts in the audit trail. */
export async function runRetention(db: Db, workspaceId: string, now: Date): Promise<RetentionCounts> {
  const counts = {} as RetentionCounts;
  for (const rule of retentionRules) {
    let progress: RuleProgress = { removed: 0, afterId: null, done: false };
    counts[rule] = 0;
    while (!progress.done) {
      progress = await removeByRule(db, rule, { workspaceId, now, afterId: progress.afterId });
      counts[rule] += progress.removed;
    }
  }
  await inWorkspace(db, workspaceId, (tx) => recordRetention(tx, counts));
  return counts;
}

/** The run's entry in the audit trail: how many were removed by each rule. */
export const recordRetention = (tx: Tx, counts: RetentionCounts, runId?: string): Promise<void> =>
  recordAudit(tx, {
    actor: { kind: "system", id: "retention" },
    action: "retention.run",
    subject: { kind: "workspace" },
    details: counts,
    ...(runId ? { correlationId: runId } : {}),
  });

/** Golden records that were derived from what has gone, too, are derived anew in the same transaction. */
function prospects(
  remove: (tx: Tx, before: Date, batch: Batch) => Promise<RemovedProspects>,
): Rule["remove"] {
  return ({ db, workspaceId, before, now }, batch) =>
    inWorkspace(db, workspaceId, async (tx) => {
      const { ids, affected } = await remove(tx, before, batch);
      await mergeValues(tx, affected, now);
      return { removed: ids.length, lastId: ids.at(-1) ?? null };
    });
}

function rows(remove: (tx: Tx, before: Date, limit: number) => Promise<number>): Rule["remove"] {
  return async ({ db, workspaceId, before }, { limit }) => ({
    removed: await inWorkspace(db, workspaceId, (tx) => remove(tx, before, limit)),
  });
}

function rowsOf(table: RowRule): Rule {
  return {
    count: (tx, before) => countDueRows(tx, table, before),
    remove: rows((tx, before, limit) => removeRows(tx, table, before, limit)),
  };
}

/** Files first: a run that dies in between finds the rest of them gone, and says so. */
async function files(
  { db, workspaceId, before, now }: Scope,
  { limit }: Batch,
): Promise<{ removed: number }> {
  const due = await inWorkspace(db, workspaceId, (tx) => importsWithDueFiles(tx, before, limit));
  await removeFiles(due.flatMap(({ paths }) => paths));
  const ids = due.map(({ id }) => id);
  await inWorkspace(db, workspaceId, (tx) => markFilesRemoved(tx, ids, now));
  return { removed: ids.length };
}
