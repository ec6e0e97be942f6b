/** Registry files for tests: made in code, because their bytes matter. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Db, inWorkspace } from "#db/client.ts";
import { createImport } from "#db/queries/imports.ts";
import type { ImportFilter } from "#db/schema/imports.ts";
import { ONRC_HEADER } from "#src/domain/registry/csv-header.ts";
import { cuiCheckDigit } from "#src/domain/registry/cui.ts";
import { inspectUpload } from "#src/platform/registry-import/inspect-upload.ts";

export const HEADER = ONRC_HEADER.join("^");

/** An invented personal number with a right check digit. */
export const CNP = "1800101221144";

/** The n-th valid tax id of seven digits. */
export function cuiOf(n: number): string {
  const body = 100_000 + n;
  return `${body}${cuiCheckDigit(body)}`;
}

/** A row of the register with these columns; the others as an ordinary row has them. */
export function onrcRow(
  n: number,
  columns: Partial<Record<(typeof ONRC_HEADER)[number], string>> = {},
): string {
  const usual: Record<string, string> = {
    DENUMIRE: `AGRO PROBA ${n} SRL`,
    CUI: cuiOf(n),
    COD_INMATRICULARE: `J21/${n}/2009`,
    DATA_INMATRICULARE: "12/03/2009",
    EUID: `ROONRC.J21/${n}/2009`,
    FORMA_JURIDICA: "SRL",
    ADR_JUDET: "Ialomiţa",
    ADR_LOCALITATE: "Slobozia",
  };
  return ONRC_HEADER.map((name) => columns[name] ?? usual[name] ?? "").join("^");
}

/** A file of the register's format: byte order mark, CRLF. */
export const onrcFile = (rows: readonly string[]): string =>
  `\ufeff${HEADER}\r\n${rows.map((row) => `${row}\r\n`).join("")}`;

/** A folder for files of a test. */
export async function makeFolder() {
  const folder = await mkdtemp(join(tmpdir(), "registry-"));
  let next = 0;
  return {
    folder,
    write: async (content: string | Buffer, name = `file-${next++}.csv`) => {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Inspects the files, as the upload does, and writes the import. */
export async function prepareImport(
  db: Db,
  workspaceId: string,
  files: { file: string; states?: string; activities?: string; filter?: ImportFilter },
): Promise<{ workspaceId: string; importId: string; jobId: string }> {
  const named = (path: string | undefined) => (path ? { path, name: "test.csv" } : null);
  const { file, states, activities, filter = {} } = files;
  const { format, delimiter, sizeBytes } = await inspectUpload({
    file: { path: file, name: "test.csv" },
    states: named(states),
    activities: named(activities),
    filter,
  });
  const created = await inWorkspace(db, workspaceId, (tx) =>
    createImport(tx, {
      maxCostMicros: null,
      maxCostMicrosPerProspect: null,
      ...{
        workspaceId,
        fileName: "test.csv",
        format,
        delimiter,
        filePath: file,
        sizeBytes,
        sha256: "",
        filter,
      },
      ...{ statesPath: states ?? null, activitiesPath: activities ?? null },
    }),
  );
  return { workspaceId, ...created };
}
