/** `npm run waterfall:simulate`: what another order of a field's sources would have cost and found. */
import { writeFileSync } from "node:fs";
import { createDb, inWorkspace } from "#db/client.ts";
import { asksOfField, fieldsWithAsks } from "#db/queries/source-outcomes.ts";
import { HELP, readOptions, type SimulateOptions, UsageError } from "./options.ts";
import { createHistory, type History } from "./replay.ts";
import { printSimulation, simulate } from "./report.ts";

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === "help") return console.log(HELP);
  const history = await readHistory(options);
  const simulation = simulate(options.field, history, options);
  console.log(printSimulation(simulation, process.stdout.isTTY));
  if (options.json) writeFileSync(options.json, `${JSON.stringify(simulation, null, 2)}\n`);
}

/** @throws UsageError when nothing is recorded of the field, or of a source that is to be tried */
async function readHistory({ databaseUrl, workspaceId, field, order }: SimulateOptions): Promise<History> {
  const db = createDb(databaseUrl, { max: 1 });
  try {
    const { asks, fields } = await inWorkspace(db, workspaceId, async (tx) => ({
      asks: await asksOfField(tx, field),
      fields: await fieldsWithAsks(tx),
    }));
    if (asks.length === 0) {
      const known =
        fields.length > 0 ? `There are outcomes of ${fields.join(", ")}.` : "There are none at all yet.";
      throw new UsageError(`No outcomes are recorded for the field "${field}" in this workspace. ${known}`);
    }
    const history = createHistory(asks);
    const names = history.sources.map(({ source }) => source);
    const unknown = order?.find((name) => !names.includes(name));
    if (unknown !== undefined) {
      throw new UsageError(
        `--order: nothing is known of "${unknown}". Sources of ${field}: ${names.join(", ")}.`,
      );
    }
    return history;
  } finally {
    await db.$client.end();
  }
}

/** A sentence for what a person can mend; else the error itself. */
function explain(error: unknown): unknown {
  if (error instanceof UsageError) return error.message;
  const { code } = ((error as Error).cause ?? error) as { code?: string };
  if (code === "42P01") return "This database has no table of outcomes: run `npm run db:migrate` on it.";
  if (code?.startsWith("28")) return "DATABASE_URL: the database does not accept this login.";
  if (code === "3D000") return "DATABASE_URL: the server has no such database.";
  if (code?.startsWith("E")) return `DATABASE_URL: the database cannot be reached (${code}).`;
  return error;
}

try {
  await main();
} catch (error) {
  console.error(explain(error));
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
