/** What `npm run waterfall:simulate -- …` may be told. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import type { Segment } from "#src/domain/enrichment/waterfall.ts";

export interface SimulateOptions {
  databaseUrl: string;
  workspaceId: string;
  field: string;
  /** An order to try; null: none beyond the usual ones. */
  order: string[] | null;
  /** Show what comes of each value of it, too; null: only of all prospects together. */
  segment: keyof Segment | null;
  /** Where to write the result as JSON; null: nowhere. */
  json: string | null;
}

const SEGMENTS: Record<string, keyof Segment> = {
  county: "county",
  "legal-form": "legalForm",
  caen: "caenDivision",
};

export const HELP = `Replays what came of asking the sources of a field, and says what another order would have cost and found.

  npm run waterfall:simulate -- --field FIELD [options]

  --field FIELD    a field that has several sources, such as legal-data
  --order A,B,C    also try this order; a source that is left out is not asked
  --segment PART   also show it by county, legal-form or caen (the first two digits of the first activity)
  --json PATH      write the result as JSON
  --workspace ID   another workspace than the default one
  --help           this text

DATABASE_URL says where the outcomes are; \`npm run dev\` shows that of the local stack. Nothing is written there and no
provider is asked. Outcomes are recorded while jobs run, for fields with more than one source.`;

/** A wrong argument: its sentence is for the user. */
export class UsageError extends Error {}

/** @returns the options, or "help" @throws UsageError */
export function readOptions(
  args: string[],
  env: { DATABASE_URL?: string | undefined },
): SimulateOptions | "help" {
  const { values } = parse(args);
  if (values.help) return "help";
  if (!values.field) throw new UsageError("--field is missing: which field's sources? See --help.");
  if (!env.DATABASE_URL) {
    throw new UsageError("DATABASE_URL is not set: it says where the outcomes are recorded. See --help.");
  }
  const segment = values.segment === undefined ? null : SEGMENTS[values.segment];
  if (segment === undefined) {
    throw new UsageError(`--segment knows ${Object.keys(SEGMENTS).join(", ")}, not "${values.segment}".`);
  }
  const workspaceId = values.workspace ?? DEFAULT_WORKSPACE_ID;
  if (!z.guid().safeParse(workspaceId).success) {
    throw new UsageError(`--workspace takes an id (UUID), not "${workspaceId}".`);
  }
  return {
    databaseUrl: env.DATABASE_URL,
    workspaceId,
    field: values.field,
    order: values.order === undefined ? null : sourceNames(values.order),
    segment,
    json: values.json === undefined ? null : resolve(values.json),
  };
}

function sourceNames(given: string): string[] {
  const names = given.split(",").map((name) => name.trim());
  if (names.includes("") || new Set(names).size < names.length) {
    throw new UsageError(`--order takes names of sources with commas between, each once, not "${given}".`);
  }
  return names;
}

function parse(args: string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args,
      options: {
        field: text,
        order: text,
        segment: text,
        json: text,
        workspace: text,
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message} See --help.`);
  }
}
