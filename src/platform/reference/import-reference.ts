/** Takes a file of a public register in: its rows become a new set, which replaces the former one at the very end. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { v7 as uuidv7 } from "uuid";
import { type Db, inWorkspace, type Tx } from "#db/client.ts";
import {
  activateSet,
  createSet,
  deleteSet,
  insertReferenceRows,
  type NewReferenceRow,
} from "#db/queries/reference.ts";
import { InvalidInputError } from "#src/domain/errors.ts";
import { columnsOf, type Dataset, type DatasetId, datasets } from "#src/domain/reference/datasets.ts";
import { tableRows } from "./table-rows.ts";

export interface ReferenceUpload {
  workspaceId: string;
  dataset: DatasetId;
  /** What of the dataset the file holds: "2025", "2025/bl", "" for a dataset that is one file. */
  part: string;
  fileName: string;
  body: Readable;
  /** Runs last in the transaction that puts the set to use. */
  afterwards?: (tx: Tx, imported: ImportedReference) => Promise<void>;
}

export interface ImportedReference {
  setId: string;
  rows: number;
  stored: number;
  rejectedBy: Record<string, number>;
  sha256: string;
}

/** Rows that one statement takes. */
const BATCH = 2_000;
/** The header is looked for among the first rows: lists begin with a title. */
const HEADER_WITHIN = 15;

/**
 * Imports a file. Nobody sees its rows before all of them are in; whatever goes wrong, the former set stays and nothing
 * is left of this one. Rows = stored + rejected.
 * @throws InvalidInputError for a file that cannot be used
 */
export async function importReference(
  deps: { db: Db; config: { UPLOAD_DIR: string; MAX_UPLOAD_BYTES: number } },
  upload: ReferenceUpload,
): Promise<ImportedReference> {
  const { workspaceId, dataset, part, fileName } = upload;
  const folder = resolve(deps.config.UPLOAD_DIR);
  await mkdir(folder, { recursive: true });
  // The name that clean-ups of uploads know.
  const path = join(folder, `${uuidv7()}.reference.partial`);
  let setId: string | null = null;
  try {
    const sha256 = await store(upload.body, path, deps.config.MAX_UPLOAD_BYTES);
    const id = await inWorkspace(deps.db, workspaceId, (tx) =>
      createSet(tx, { workspaceId, dataset, part, fileName }),
    );
    setId = id;
    const counts = await load(path, datasets[dataset], (rows) =>
      inWorkspace(deps.db, workspaceId, (tx) => insertReferenceRows(tx, { id, workspaceId, dataset }, rows)),
    );
    const imported = { setId: id, sha256, ...counts };
    await inWorkspace(deps.db, workspaceId, async (tx) => {
      await activateSet(tx, { id, sha256, ...counts });
      await upload.afterwards?.(tx, imported);
    });
    return imported;
  } catch (error) {
    const abandoned = setId;
    if (abandoned) await inWorkspace(deps.db, workspaceId, (tx) => deleteSet(tx, abandoned)).catch(() => {});
    throw error;
  } finally {
    await rm(path, { force: true });
  }
}

async function store(body: Readable, path: string, maxBytes: number): Promise<string> {
  const hash = createHash("sha256");
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      if (bytes <= maxBytes) done(null, chunk);
      else {
        const message = `The file is larger than the ${maxBytes} bytes that are allowed: split it, or raise MAX_UPLOAD_BYTES.`;
        done(new InvalidInputError("file_too_large", message, { field: "file" }));
      }
    },
  });
  await pipeline(body, measure, createWriteStream(path, { mode: 0o600 }));
  return hash.digest("hex");
}

async function load(
  path: string,
  dataset: Dataset,
  insert: (rows: NewReferenceRow[]) => Promise<void>,
): Promise<{ rows: number; stored: number; rejectedBy: Record<string, number> }> {
  const counts = { rows: 0, stored: 0, rejectedBy: {} as Record<string, number> };
  let columns: Record<string, number> | null = null;
  let width = 0;
  let before = 0;
  let batch: NewReferenceRow[] = [];
  const flush = async () => {
    if (batch.length > 0) await insert(batch);
    counts.stored += batch.length;
    batch = [];
  };
  for await (const { lineNumber, cells } of tableRows(path)) {
    if (!columns) {
      columns = columnsOf(dataset, cells);
      width = cells.length;
      if (!columns && ++before >= HEADER_WITHIN) break;
      continue;
    }
    const known = columns;
    counts.rows += 1;
    const short = cells.length < Math.max(...Object.values(known)) + 1 && cells.length < width;
    const row = short
      ? { ok: false as const, reason: "wrong_column_count" }
      : dataset.read((column) => (cells[known[column] ?? -1] ?? "").trim());
    if (row.ok) {
      const { ok: _, ...kept } = row;
      batch.push({ lineNumber, ...kept });
      if (batch.length >= BATCH) await flush();
    } else counts.rejectedBy[row.reason] = (counts.rejectedBy[row.reason] ?? 0) + 1;
  }
  if (!columns) {
    const wanted = dataset.required.map((column) => dataset.columns[column]?.[0]).join(", ");
    throw new InvalidInputError(
      "missing_columns",
      `The file has no header with the columns ${wanted}: choose the dataset that it belongs to, or name its columns so.`,
      { field: "file" },
    );
  }
  await flush();
  return counts;
}
