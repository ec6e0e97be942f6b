/**
 * `import/file.uploaded` in -> rows become prospects, prospects become chunks, the first fields are requested.
 * A repeat is harmless: the loader goes on where the last commit was, and chunks are planned once.
 */
import type { InngestFunction } from "inngest";
import { inWorkspace } from "#db/client.ts";
import { planChunks } from "#db/queries/chunks.ts";
import { endImport, type ImportKey } from "#db/queries/import-runs.ts";
import type { Deps } from "#src/deps.ts";
import { fileUploaded } from "#src/events/imports.ts";
import { firstFields, type RunnablePlan, startChunks } from "#src/platform/chunk-work.ts";
import { afterImportFailure, begin, IMPORT_FUNCTION, keepAlive } from "#src/platform/import-work.ts";
import { erasedContacts } from "#src/platform/privacy/erased-contacts.ts";
import { loadImport } from "#src/platform/registry-import/load.ts";
import { traceChunks } from "#src/platform/tracing.ts";
import { announceJobEnd } from "#src/platform/webhooks-out/job-news.ts";
import type { Failure } from "../failure.ts";

export const importRegistry = (deps: Deps, plan: RunnablePlan): InngestFunction.Any =>
  deps.inngest.createFunction(
    {
      id: IMPORT_FUNCTION,
      triggers: [fileUploaded],
      // A load keeps one core and Postgres busy: more at once are not faster.
      concurrency: 1,
      retries: 4,
      onFailure: async ({ event, error, step }: Failure<Omit<ImportKey, "runId">>) => {
        const key = event.data.event.data;
        const lasting = error.name === "NonRetriableError";
        await step.run("request-again-or-fail", () =>
          afterImportFailure(deps, key, { message: error.message, lasting }),
        );
      },
    },
    async ({ event, step, runId }) => {
      const key: ImportKey = { ...event.data, runId };
      const mine = await step.run("begin", () => begin(deps, key, event.id));
      if (!mine) return { status: "superseded" };

      const counts = await step.run("load", async () => {
        await keepAlive(deps, key);
        const erased = await erasedContacts(deps, key.workspaceId);
        return loadImport(deps.db, key, {
          onProgress: () => keepAlive(deps, key),
          isErased: erased ? (cui) => erased({ kind: "cui", value: String(cui) }) : undefined,
        });
      });
      await step.run("plan-chunks", () => planAndStart(deps, plan, key));
      return { status: "done", ...counts };
    },
  );

/** Cuts what was imported into chunks and requests their first fields, once. */
function planAndStart(deps: Deps, plan: RunnablePlan, key: ImportKey): Promise<void> {
  const first = firstFields(plan);
  return inWorkspace(deps.db, key.workspaceId, async (tx) => {
    const chunks = await planChunks(tx, key, { importId: key.importId }, first);
    if (chunks === 0) await announceJobEnd(tx, key.workspaceId, key.jobId);
    if (chunks !== null) await traceChunks(chunks, () => startChunks(tx, deps, plan, key));
    await endImport(tx, key);
  });
}
