/** `npm run audit:verify`: checks the audit trail of every workspace, or of one, and says what is broken where. */
import { parseArgs } from "node:util";
import { createDb, type Db, inRetention } from "#db/client.ts";
import { allWorkspaces } from "#db/queries/workspaces.ts";
import { type AuditProblem, type ChainReport, verifyAudit } from "#src/platform/audit-verify.ts";

const HELP = `Checks that the audit trail is whole: every entry as it was written, none missing, added or moved.

  npm run audit:verify [-- --workspace SLUG]

DATABASE_URL says where it is; \`npm run dev\` shows that of the local stack. Ends with code 1 when something is broken.
Note the number and hash of the newest entry elsewhere: whoever can write to the database could write the whole chain
anew, and only that hash would tell.`;

/** Its sentence is for the user. */
class UsageError extends Error {}

function readOptions(): { databaseUrl: string; slug: string | undefined } | "help" {
  const { values } = parse();
  if (values.help) return "help";
  const databaseUrl = process.env.DATABASE_URL;
  if (!databaseUrl)
    throw new UsageError("DATABASE_URL is not set: it says where the audit trail is. See --help.");
  return { databaseUrl, slug: values.workspace };
}

function parse() {
  try {
    return parseArgs({ options: { workspace: { type: "string" }, help: { type: "boolean" } } });
  } catch (error) {
    throw new UsageError(`${(error as Error).message} See --help.`);
  }
}

/** @returns whether all that was checked is whole */
async function verify(db: Db, slug: string | undefined): Promise<boolean> {
  const all = await inRetention(db, allWorkspaces);
  const wanted = slug === undefined ? all : all.filter((workspace) => workspace.slug === slug);
  if (wanted.length === 0) throw new UsageError(`There is no workspace ${slug}.`);
  let whole = true;
  for (const workspace of wanted) {
    const report = await verifyAudit(db, workspace.id);
    console.log(sentence(workspace.slug, report));
    for (const problem of report.problems) console.log(`  ${describe(problem)}`);
    const more = report.problemCount - report.problems.length;
    if (more > 0) console.log(`  and ${more} more`);
    whole &&= report.problemCount === 0;
  }
  return whole;
}

function sentence(slug: string, report: ChainReport): string {
  const { entries, seq, hash, removedUpTo, detailsErased, problemCount } = report;
  const state =
    problemCount === 0 ? "whole" : `BROKEN in ${problemCount} ${problemCount === 1 ? "place" : "places"}`;
  const notes = [
    removedUpTo > 0 ? `up to ${removedUpTo} removed by age` : null,
    detailsErased > 0 ? `details of ${detailsErased} erased` : null,
    entries > 0 ? `newest ${seq} ${hash}` : null,
  ].filter((note) => note !== null);
  return `${slug}: ${state}, ${entries} entries${notes.map((note) => `; ${note}`).join("")}`;
}

function describe(problem: AuditProblem): string {
  switch (problem.kind) {
    case "changed":
      return `entry ${problem.seq} was changed: it does not fit its hash`;
    case "moved":
      return `entry ${problem.seq} was moved: it was written as ${problem.wasSeq}`;
    case "rewritten":
      return `entry ${problem.seq} was rewritten: what follows was written after another one`;
    case "removed":
      return problem.seq === problem.toSeq
        ? `entry ${problem.seq} was removed`
        : `entries ${problem.seq} to ${problem.toSeq} were removed`;
    case "inserted":
      return `entry ${problem.seq} was inserted: the chain goes on as if it were not there`;
    case "details_changed":
      return `the details of entry ${problem.seq} were changed`;
  }
}

try {
  const options = readOptions();
  if (options === "help") console.log(HELP);
  else {
    const db = createDb(options.databaseUrl, { max: 1 });
    try {
      if (!(await verify(db, options.slug))) process.exitCode = 1;
    } finally {
      await db.$client.end();
    }
  }
} catch (error) {
  console.error(error instanceof UsageError ? error.message : error);
  process.exitCode = 2;
}
