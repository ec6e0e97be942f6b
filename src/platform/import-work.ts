/** An import's run: taken up, kept alive while it loads, started again when it never ended. */
import { type Db, inSystem, inWorkspace } from "#db/client.ts";
import {
  beginImport,
  failImport,
  type ImportKey,
  keepImport,
  letImportWait,
  overdueImports,
  restartImport,
} from "#db/queries/import-runs.ts";
import { findImport } from "#db/queries/imports.ts";
import { SupersededError } from "#src/domain/errors.ts";
import { fileUploaded } from "#src/events/imports.ts";
import type { Logger } from "./logger.ts";
import { beginUnlessPaused } from "./operations/pauses.ts";
import { addToOutbox } from "./outbox.ts";
import { removeFiles } from "./registry-import/upload-files.ts";
import { announceJobEnd } from "./webhooks-out/job-news.ts";

export interface ImportWorkDeps {
  db: Db;
  logger: Logger;
  config: { FIELD_DEADLINE_MS: number; FIELD_RETRY_MS: number };
}

export const IMPORT_FUNCTION = "import-registry";

const MAX_ATTEMPTS = 4;

/** First step: marks the event consumed and takes the import up. False: another attempt has it, or it is paused. */
export function begin(deps: ImportWorkDeps, key: ImportKey, eventId: string | undefined): Promise<boolean> {
  return inWorkspace(deps.db, key.workspaceId, async (tx) => {
    if (await beginUnlessPaused(tx, IMPORT_FUNCTION, eventId))
      return beginImport(tx, key, deps.config.FIELD_DEADLINE_MS);
    await letImportWait(tx, key);
    return false;
  });
}

/**
 * The run is alive: its deadline starts anew.
 * @throws SupersededError when the import is no longer this run's
 */
export async function keepAlive(deps: ImportWorkDeps, key: ImportKey): Promise<void> {
  const mine = await inWorkspace(deps.db, key.workspaceId, (tx) =>
    keepImport(tx, key, deps.config.FIELD_DEADLINE_MS),
  );
  if (!mine) throw new SupersededError(`import ${key.importId}`);
}

/** After a run has failed: requests the import again later, or ends it when the failure lasts. */
export function afterImportFailure(
  deps: ImportWorkDeps,
  key: Omit<ImportKey, "runId">,
  failure: { message: string; lasting: boolean },
): Promise<void> {
  const { workspaceId, importId, jobId, attempt } = key;
  return inWorkspace(deps.db, workspaceId, async (tx) => {
    if (failure.lasting || attempt >= MAX_ATTEMPTS) {
      await failImport(tx, key, failure.message);
      await announceJobEnd(tx, workspaceId, jobId);
      // What holds personal numbers is not kept for a load that will never be.
      const ended = await findImport(tx, workspaceId, importId);
      if (ended) await removeFiles([ended.filePath, ended.statesPath, ended.activitiesPath]);
    } else if (await restartImport(tx, key, deps.config.FIELD_DEADLINE_MS * 6)) {
      const again = fileUploaded.create({ workspaceId, importId, jobId, attempt: attempt + 1 });
      await addToOutbox(tx, [again], { sendAfterMs: deps.config.FIELD_RETRY_MS * 2 ** (attempt - 1) });
    }
  });
}

/** Starts imports again whose run was never heard of again. Returns how many there were. */
export async function sweepOverdueImports(deps: ImportWorkDeps): Promise<number> {
  const overdue = await inSystem(deps.db, (tx) => overdueImports(tx, 20));
  for (const key of overdue) {
    deps.logger.warn(key, "an import did not end by its deadline, starting it again");
    await afterImportFailure(deps, key, {
      message: "The import never ended by its deadline.",
      lasting: false,
    });
  }
  return overdue.length;
}
