/** Loads an uploaded registry file into the prospects of its workspace. */
import { open, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { type Db, inWorkspace } from "#db/client.ts";
import {
  beginSegment,
  commitSegment,
  createStaging,
  type ImportProgress,
  loadActivities,
  loadStates,
  mergeSegment,
  openLoadingSession,
  recordProgress,
  type SegmentScope,
  storeRejects,
  tryLockImport,
} from "#db/queries/import-segments.ts";
import {
  findImport,
  type Import,
  markImportDone,
  markImportFailed,
  markImportLoading,
} from "#db/queries/imports.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "#src/domain/errors.ts";
import { foldCounty } from "#src/domain/registry/text.ts";
import { ACTIVITIES, companionRows, STATES } from "./companion-rows.ts";
import { type FileHeader, readFileHeader, readHead } from "./file-header.ts";
import { readSegments } from "./read-segments.ts";
import { type Segment, STAGED_COLUMNS } from "./segment.ts";
import { removeFiles } from "./upload-files.ts";

/** What became of the rows so far: `rows = imported + duplicates + rejected`. */
export interface ImportCounts {
  rows: number;
  imported: number;
  duplicates: number;
  rejected: number;
  rejectedBy: Record<string, number>;
}

export interface LoadProgress extends ImportCounts {
  bytesDone: number;
  bytesTotal: number;
}

export interface LoadOptions {
  /** Called after each committed segment, and awaited: if it throws, loading stops there. */
  onProgress?: (progress: LoadProgress) => void | Promise<void>;
  /** Stops between two segments; the next call goes on from there. */
  signal?: AbortSignal;
  /** Rows committed at once, at most (default 30,000). */
  segmentRows?: number;
  /** Whether who has this tax id was erased: such a row is rejected. */
  isErased?: ((cui: number) => boolean) | undefined;
  /** How long to wait for another loader of the same import, such as a killed one whose session still ends. */
  lockWaitMs?: number;
}

/**
 * Loads the file segment by segment. Rows, rejects, counts and the place to go on from are committed together,
 * so whatever is killed at whatever moment, the next call goes on exactly there; on a finished import it only
 * answers its counts. The upload's files are removed at the end. Personal numbers are masked before anything reaches the database.
 * @throws NotFoundError no such import in the workspace
 * @throws ConflictError `import_running`: another process is loading it
 * @throws InvalidInputError the file is gone or is not what was uploaded; the import is marked failed
 */
export async function loadImport(
  db: Db,
  { workspaceId, importId }: { workspaceId: string; importId: string },
  options: LoadOptions = {},
): Promise<ImportCounts> {
  const client = await db.$client.connect();
  // A connection that breaks rejects the query under way; without a listener it would also end the process.
  client.on("error", () => {});
  try {
    await openLoadingSession(client, workspaceId);
    await lock(client, importId, options.lockWaitMs ?? 5_000);
    const found = await inWorkspace(db, workspaceId, async (tx) => {
      const row = await findImport(tx, workspaceId, importId);
      if (row !== null && row.status !== "done") await markImportLoading(tx, workspaceId, importId);
      return row;
    });
    if (found === null) throw new NotFoundError("import_not_found", `There is no import ${importId}.`);
    if (found.status === "done") {
      await removeUpload(found);
      return countsOf(found);
    }
    const header = await openFile(found).catch(async (error: unknown) => {
      if (error instanceof InvalidInputError) {
        await inWorkspace(db, workspaceId, (tx) =>
          markImportFailed(tx, { workspaceId, importId, message: error.message }),
        );
      }
      throw error;
    });
    const progress = await loadSegments(client, found, header, options);
    await inWorkspace(db, workspaceId, (tx) => markImportDone(tx, workspaceId, importId));
    await removeUpload(found);
    return countsOf(progress);
  } finally {
    // Not back to the pool: temporary tables, settings and the lock end with the session.
    client.release(true);
  }
}

async function loadSegments(
  client: pg.PoolClient,
  row: Import,
  header: FileHeader,
  options: LoadOptions,
): Promise<ImportProgress> {
  const scope = scopeOf(row);
  await createStaging(client, STAGED_COLUMNS);
  if (row.statesPath !== null) await loadStates(client, companionRows(STATES, row.statesPath));
  if (row.activitiesPath !== null)
    await loadActivities(client, companionRows(ACTIVITIES, row.activitiesPath));

  const progress: ImportProgress = {
    ...countsOf(row),
    offset: row.resumeOffsetBytes,
    line: row.resumeLine,
  };
  const segments = readSegments({
    path: row.filePath,
    header,
    reading: {
      columns: header.columns,
      columnCount: header.columnCount,
      counties: wanted(row.filter.counties?.map(foldCounty)),
      // With a file of activities, the database looks at all of a company's, not at one column.
      caen: row.activitiesPath === null && row.filter.caen?.length ? row.filter.caen : null,
      isErased: options.isErased,
    },
    offset: row.resumeOffsetBytes || header.dataOffset,
    line: row.resumeLine || 1,
    segmentRows: options.segmentRows ?? 30_000,
  });
  // While Postgres works on one segment, the next is parsed.
  let committing: Promise<void> = Promise.resolve();
  try {
    for await (const segment of segments) {
      await committing;
      options.signal?.throwIfAborted();
      committing = commit(client, scope, segment, progress).then(() =>
        options.onProgress?.({
          ...countsOf(progress),
          bytesDone: progress.offset,
          bytesTotal: row.sizeBytes,
        }),
      );
      committing.catch(() => {}); // It is awaited a segment later; until then it is not unhandled.
    }
  } finally {
    await committing;
  }
  return progress;
}

async function commit(
  client: pg.PoolClient,
  scope: SegmentScope,
  segment: Segment,
  progress: ImportProgress,
): Promise<void> {
  await beginSegment(client, segment.staged);
  const merged = await mergeSegment(client, scope);
  await storeRejects(client, scope, segment.rejects);
  const rejectedBy = { ...progress.rejectedBy };
  for (const [reason, count] of Object.entries(segment.rejectedBy))
    rejectedBy[reason] = (rejectedBy[reason] ?? 0) + count;
  if (merged.outside > 0) rejectedBy.outside_filter = (rejectedBy.outside_filter ?? 0) + merged.outside;
  const next: ImportProgress = {
    rows: progress.rows + segment.rows,
    imported: progress.imported + merged.inserted,
    duplicates: progress.duplicates + segment.stagedRows - merged.inserted - merged.outside,
    rejected: progress.rejected + segment.rejected + merged.outside,
    rejectedBy,
    offset: segment.nextOffset,
    line: segment.nextLine,
  };
  const { workspaceId, importId } = scope;
  const recorded = await recordProgress(client, {
    workspaceId,
    importId,
    from: progress.offset,
    progress: next,
  });
  if (!recorded)
    throw new ConflictError("import_running", `Another process has moved import ${importId} on.`);
  await commitSegment(client);
  Object.assign(progress, next);
}

async function lock(client: pg.PoolClient, importId: string, waitMs: number): Promise<void> {
  const until = performance.now() + waitMs;
  while (!(await tryLockImport(client, importId))) {
    if (performance.now() >= until) {
      throw new ConflictError(
        "import_running",
        `Import ${importId} is being loaded by another process already.`,
      );
    }
    await sleep(100);
  }
}

// What was inspected at the upload must still be there, byte for byte as far as its size tells.
async function openFile(row: Import): Promise<FileHeader> {
  for (const path of [row.filePath, row.statesPath, row.activitiesPath]) {
    if (path === null) continue;
    const size = await stat(path).then(
      (stats) => stats.size,
      () => null,
    );
    if (size === null || (path === row.filePath && size !== row.sizeBytes)) {
      const what =
        size === null ? "is not in the upload folder any more" : "has another size than when it was uploaded";
      throw new InvalidInputError("file_changed", `A file of import ${row.id} ${what}: upload it again.`);
    }
  }
  const file = await open(row.filePath);
  try {
    const header = readFileHeader(await readHead(file));
    if (header === null) {
      throw new InvalidInputError(
        "file_changed",
        `The file of import ${row.id} has no header any more: upload it again.`,
      );
    }
    return header;
  } finally {
    await file.close();
  }
}

// The file has done its work, and it holds what may not be kept.
const removeUpload = ({ filePath, statesPath, activitiesPath }: Import): Promise<void> =>
  removeFiles([filePath, statesPath, activitiesPath]);

const scopeOf = (row: Import): SegmentScope => ({
  workspaceId: row.workspaceId,
  importId: row.id,
  hasStates: row.statesPath !== null,
  hasActivities: row.activitiesPath !== null,
  caen: row.activitiesPath !== null && row.filter.caen?.length ? row.filter.caen : null,
});

const wanted = (values: readonly string[] | undefined): ReadonlySet<string> | null =>
  values?.length ? new Set(values) : null;

const countsOf = ({ rows, imported, duplicates, rejected, rejectedBy }: ImportCounts): ImportCounts => ({
  rows,
  imported,
  duplicates,
  rejected,
  rejectedBy: { ...rejectedBy },
});
