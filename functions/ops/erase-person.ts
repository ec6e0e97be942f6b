/**
 * `privacy/erasure.requested` in -> a person's data goes from one place after the other, until a search of all finds none
 * -> the certificate. Steps tell counts alone; a repeat finds nothing left to remove.
 */
import type { InngestFunction } from "inngest";
import { inWorkspace, type Tx } from "#db/client.ts";
import { addRemoved, endErasure } from "#db/queries/erasures.ts";
import { importsWithDueFiles, markFilesRemoved } from "#db/queries/retention.ts";
import type { Deps } from "#src/deps.ts";
import { erasureRequested } from "#src/events/privacy.ts";
import { beginUnlessPaused } from "#src/platform/operations/pauses.ts";
import { HEARD_OF_AFTER_MS } from "#src/platform/privacy/erased-contacts.ts";
import {
  cleanTable,
  completeErasure,
  countLeft,
  erasureInHand,
  removeOwnRows,
  tablesToClean,
} from "#src/platform/privacy/erasure.ts";
import type { KnownPerson } from "#src/platform/privacy/person.ts";
import { removeFiles } from "#src/platform/registry-import/upload-files.ts";
import type { Failure } from "../failure.ts";

const ID = "erase-person";

export const erasePerson = (deps: Deps): InngestFunction.Any =>
  deps.inngest.createFunction(
    {
      id: ID,
      triggers: [erasureRequested],
      // It reads whole tables.
      concurrency: [{ limit: 2 }, { key: "event.data.workspaceId", limit: 1 }],
      retries: 8,
      onFailure: async ({ event, step }: Failure<{ workspaceId: string; erasureId: string }>) => {
        const { workspaceId, erasureId } = event.data.event.data;
        await step.run("give-up", () =>
          inWorkspace(deps.db, workspaceId, (tx) => endErasure(tx, erasureId, "failed")),
        );
      },
    },
    async ({ event, step, runId }) => {
      const { workspaceId, erasureId } = event.data;
      /** Does something about the person, and counts it, in one transaction. */
      const about = (work: (tx: Tx, person: KnownPerson) => Promise<Record<string, number>>) =>
        inWorkspace(deps.db, workspaceId, async (tx) => {
          const person = await erasureInHand(tx, deps, workspaceId, erasureId);
          if (!person) return {};
          const counts = await work(tx, person);
          await addRemoved(tx, erasureId, counts);
          return counts;
        });

      const tables = await step.run("begin", () =>
        inWorkspace(deps.db, workspaceId, async (tx) =>
          (await beginUnlessPaused(tx, ID, event.id)) ? tablesToClean(tx) : null,
        ),
      );
      if (tables === null) return { status: "paused" };
      await step.run("remove-own-rows", () => about((tx, person) => removeOwnRows(tx, deps, person)));
      for (const table of tables) {
        await step.run(`clean-${table}`, () =>
          about(async (tx, person) => ({ [table]: await cleanTable(tx, person, table) })),
        );
      }
      await step.run("remove-files", async () => {
        // Nobody can clean a file of one person: those of imports that have ended go.
        const before = deps.now();
        const due = await inWorkspace(deps.db, workspaceId, (tx) => importsWithDueFiles(tx, before, 10_000));
        await removeFiles(due.flatMap(({ paths }) => paths));
        await inWorkspace(deps.db, workspaceId, (tx) =>
          markFilesRemoved(
            tx,
            due.map(({ id }) => id),
            before,
          ),
        );
        await about(async () => ({ import_files: due.length }));
        return due.length;
      });
      // By then every process knows, and keeps the person from coming back.
      await step.sleep("until-all-know", 2 * HEARD_OF_AFTER_MS);
      await step.run("look-again", () =>
        about(async (tx, person) => {
          const left = await countLeft(tx, person);
          // What came in meanwhile: the run begins its cleaning again.
          if (left > 0) {
            for (const table of tables) await cleanTable(tx, person, table);
            if ((await countLeft(tx, person)) > 0) throw new Error("The person is still found in some rows.");
          }
          return {};
        }),
      );
      await step.run("certify", () =>
        inWorkspace(deps.db, workspaceId, (tx) => completeErasure(tx, erasureId, runId)),
      );
      return { status: "done" };
    },
  );
