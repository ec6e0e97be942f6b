/** `npm run retention`: removes now what may not be kept any longer, or says with `--dry-run` what that would be. */
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { createDb, type Db, inRetention, inWorkspace } from "#db/client.ts";
import { allWorkspaces } from "#db/queries/workspaces.ts";
import { cutoffOf, retentionPeriods, retentionRules } from "#src/domain/privacy/retention-periods.ts";
import { countDue, type RetentionCounts, runRetention } from "#src/platform/privacy/retention.ts";

const HELP = `Removes what may not be kept any longer, as the app does by itself every night, and says how much of it.

  npm run retention [-- --dry-run] [-- --workspace SLUG]

  --dry-run         removes nothing, only counts
  --workspace SLUG  one workspace; else all of them

DATABASE_URL says where the data is; \`npm run dev\` shows that of the local stack. Run it where UPLOAD_DIR is: the files of
old imports go, too.`;

/** Its sentence is for the user. */
class UsageError extends Error {}

interface Options {
  databaseUrl: string;
  dryRun: boolean;
  slug: string | undefined;
}

function readOptions(): Options | "help" {
  const { "dry-run": dryRun = false, workspace: slug, help } = parse().values;
  if (help) return "help";
  const databaseUrl = process.env.DATABASE_URL;
  if (!databaseUrl) throw new UsageError("DATABASE_URL is not set: it says where the data is. See --help.");
  return { databaseUrl, dryRun, slug };
}

function parse() {
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({ options: { "dry-run": flag, workspace: { type: "string" }, help: flag } });
  } catch (error) {
    throw new UsageError(`${(error as Error).message} See --help.`);
  }
}

async function run(db: Db, { dryRun, slug }: Options): Promise<void> {
  const all = await inRetention(db, allWorkspaces);
  const wanted = slug === undefined ? all : all.filter((workspace) => workspace.slug === slug);
  if (wanted.length === 0) throw new UsageError(`There is no workspace ${slug}.`);
  const now = new Date();
  for (const workspace of wanted) {
    const counts = dryRun
      ? await inWorkspace(db, workspace.id, (tx) => countDue(tx, now))
      : await runRetention(db, workspace.id, now);
    console.log(`${workspace.slug}: ${dryRun ? "would be removed" : "removed"}`);
    console.log(tableOf(counts, now));
  }
}

function tableOf(counts: RetentionCounts, now: Date): string {
  const table = new Table({ head: ["rule", "rows", "older than", "what"], style: { head: [], border: [] } });
  for (const rule of retentionRules) {
    const before = cutoffOf(rule, now).toISOString().slice(0, 10);
    table.push([rule, String(counts[rule]), before, retentionPeriods[rule].removes]);
  }
  return table.toString();
}

try {
  const options = readOptions();
  if (options === "help") console.log(HELP);
  else {
    const db = createDb(options.databaseUrl, { max: 2 });
    try {
      await run(db, options);
    } finally {
      await db.$client.end();
    }
  }
} catch (error) {
  console.error(error instanceof UsageError ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
