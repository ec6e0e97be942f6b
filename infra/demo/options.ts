/** What `npm run demo -- …` may be told. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { projectRoot } from "#infra/stack/node-part.ts";

export interface DemoOptions {
  /** A registry export of your own; null: a sample is made. */
  file: string | null;
  rows: number;
  seed: number;
  /** Where to write the report as JSON; null: nowhere. */
  report: string | null;
  keep: boolean;
  /** Folder for the stack's data. */
  dataDir: string;
  liveAnaf: boolean;
  replicas: number;
}

export const HELP = `Imports a registry export, enriches every company in it and shows the result.

  npm run demo -- [options]

  --file PATH      your own export: OD_FIRME.CSV as the trade register publishes it (OD_STARE_FIRMA.CSV and
                   OD_CAEN_AUTORIZAT.CSV beside it are used too), or any CSV with a tax-id column; and
                   beside it, of other registers, WEB_UU_AN2025.txt, plati-2025.csv, ouai.csv
  --rows N         without --file: how many companies the sample has (default 1000)
  --seed N         without --file: another sample (default 1)
  --report PATH    write the result as JSON
  --data PATH      folder for the data while it runs (default .local/demo)
  --replicas N     how many apps share the work (default 1)
  --live anaf      ask the real register of taxpayers instead of its simulator; all other providers stay simulated
  --keep           leave everything running and the data in place when it is done; Ctrl-C stops it
  --help           this text

Without --keep it starts from an empty database and removes it in the end.
DATABASE_URL, REDIS_URL and INNGEST_BASE_URL (with INNGEST_EVENT_KEY and INNGEST_SIGNING_KEY) each replace the
local part. Exit code 0 only when every company has reached a final state.`;

/** A wrong argument: its sentence is for the user. */
export class UsageError extends Error {}

/** @returns the options, or "help" @throws UsageError */
export function readOptions(args: string[]): DemoOptions | "help" {
  const { values } = parse(args);
  if (values.help) return "help";
  if (values.live !== undefined && values.live !== "anaf") {
    throw new UsageError(`--live knows "anaf" only, not "${values.live}".`);
  }
  const file = values.file === undefined ? null : resolve(values.file);
  if (file && !existsSync(file)) throw new UsageError(`--file: there is no file at ${file}.`);
  return {
    file,
    rows: wholeNumber("--rows", values.rows, 1000, 5_000_000),
    seed: wholeNumber("--seed", values.seed, 1, 2_147_483_647),
    report: values.report === undefined ? null : resolve(values.report),
    keep: values.keep ?? false,
    dataDir: values.data === undefined ? join(projectRoot, ".local", "demo") : resolve(values.data),
    liveAnaf: values.live === "anaf",
    replicas: wholeNumber("--replicas", values.replicas, 1, 8),
  };
}

function parse(args: string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      args,
      options: {
        file: text,
        rows: text,
        seed: text,
        report: text,
        replicas: text,
        live: text,
        data: text,
        keep: flag,
        help: flag,
      },
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message} See --help.`);
  }
}

function wholeNumber(name: string, given: string | undefined, otherwise: number, max: number): number {
  if (given === undefined) return otherwise;
  const number = Number(given);
  if (!Number.isInteger(number) || number < 1 || number > max) {
    throw new UsageError(`${name} takes a whole number from 1 to ${max}, not "${given}".`);
  }
  return number;
}
