/** Verbs on imports: one uploaded registry file each. */
import { and, eq, sql } from "drizzle-orm";
import type { Tx } from "../client.ts";
import { type ImportFilter, imports } from "../schema/imports.ts";
import { jobs } from "../schema/jobs.ts";

export type Import = typeof imports.$inferSelect;

/** What an upload brought, inspected and stored on disk. */
export interface NewImport {
  workspaceId: string;
  fileName: string;
  format: "onrc" | "csv";
  delimiter: string;
  filePath: string;
  statesPath: string | null;
  activitiesPath: string | null;
  sizeBytes: number;
  /** Hexadecimal. */
  sha256: string;
  filter: ImportFilter;
  /** What the job's paid calls may cost at most; null: no limit of its own. */
  maxCostMicros: number | null;
  maxCostMicrosPerProspect: number | null;
}

/** Writes an import that waits to be loaded, and the job it belongs to. */
export async function createImport(tx: Tx, input: NewImport): Promise<{ importId: string; jobId: string }> {
  const { maxCostMicros, maxCostMicrosPerProspect, ...file } = input;
  const [job] = await tx
    .insert(jobs)
    .values({
      workspaceId: input.workspaceId,
      kind: "import",
      status: "queued",
      maxCostMicros,
      maxCostMicrosPerProspect,
    })
    .returning({ id: jobs.id });
  const jobId = (job as { id: string }).id;
  const [row] = await tx
    .insert(imports)
    .values({ ...file, jobId })
    .returning({ id: imports.id });
  return { importId: (row as { id: string }).id, jobId };
}

/** The import, or null when this workspace has none with that id. */
export async function findImport(tx: Tx, workspaceId: string, importId: string): Promise<Import | null> {
  const [row] = await tx
    .select()
    .from(imports)
    .where(and(eq(imports.workspaceId, workspaceId), eq(imports.id, importId)));
  return row ?? null;
}

/** The import is being loaded from now on; an earlier failure is forgotten. */
export async function markImportLoading(tx: Tx, workspaceId: string, importId: string): Promise<void> {
  await tx
    .update(imports)
    .set({ status: "loading", errorMessage: null, endedAt: null })
    .where(and(eq(imports.workspaceId, workspaceId), eq(imports.id, importId)));
}

/** All rows of the file are accounted for. */
export async function markImportDone(tx: Tx, workspaceId: string, importId: string): Promise<void> {
  await tx
    .update(imports)
    .set({ status: "done", endedAt: sql`now()` })
    .where(and(eq(imports.workspaceId, workspaceId), eq(imports.id, importId)));
}

/** The file cannot be loaded, now or later. What was loaded before stays, and stays counted. */
export async function markImportFailed(
  tx: Tx,
  { workspaceId, importId, message }: { workspaceId: string; importId: string; message: string },
): Promise<void> {
  await tx
    .update(imports)
    .set({ status: "failed", errorMessage: message, endedAt: sql`now()` })
    .where(and(eq(imports.workspaceId, workspaceId), eq(imports.id, importId)));
}
