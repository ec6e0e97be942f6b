/**
 * Every night at three -> a command for each workspace -> what may not be kept any longer is removed, rule by rule, in
 * steps of some thousand rows -> an entry with the counts in the audit trail. A repeat is harmless: what is gone is not due
 * any more.
 */
import type { InngestFunction } from "inngest";
import { inRetention, inWorkspace } from "#db/client.ts";
import { allWorkspaces } from "#db/queries/workspaces.ts";
import type { Deps } from "#src/deps.ts";
import { retentionRules } from "#src/domain/privacy/retention-periods.ts";
import { retentionDue } from "#src/events/privacy.ts";
import { beginUnlessPaused } from "#src/platform/operations/pauses.ts";
import { addToOutbox } from "#src/platform/outbox.ts";
import { type RetentionCounts, recordRetention, removeByRule } from "#src/platform/privacy/retention.ts";

const ID = "retention";

export const scheduleRetention = (deps: Deps): InngestFunction.Any =>
  deps.inngest.createFunction(
    { id: "schedule-retention", triggers: [{ cron: "TZ=Europe/Bucharest 0 3 * * *" }], retries: 8 },
    async ({ step }) => {
      const workspaces = await step.run("request", async () => {
        const all = await inRetention(deps.db, allWorkspaces);
        for (const { id: workspaceId } of all)
          await inWorkspace(deps.db, workspaceId, (tx) =>
            addToOutbox(tx, [retentionDue.create({ workspaceId })]),
          );
        return all.length;
      });
      return { status: "requested", workspaces };
    },
  );

export const retention = (deps: Deps): InngestFunction.Any =>
  deps.inngest.createFunction(
    {
      id: ID,
      triggers: [retentionDue],
      // It reads whole tables: two at once leave Postgres to others, and a workspace is not gone through twice at once.
      concurrency: [{ limit: 2 }, { key: "event.data.workspaceId", limit: 1 }],
      retries: 8,
    },
    async ({ event, step, runId }) => {
      const { workspaceId } = event.data;
      const startedAt = await step.run("begin", () =>
        inWorkspace(deps.db, workspaceId, async (tx) =>
          (await beginUnlessPaused(tx, ID, event.id)) ? deps.now().toISOString() : null,
        ),
      );
      if (startedAt === null) return { status: "paused" };
      const scope = { workspaceId, now: new Date(startedAt) };
      const counts = {} as RetentionCounts;
      for (const rule of retentionRules) {
        counts[rule] = 0;
        let afterId: string | null = null;
        for (let part = 1, done = false; !done; part++) {
          const from = afterId;
          const progress = await step.run(`remove-${rule}-${part}`, () =>
            removeByRule(deps.db, rule, { ...scope, afterId: from }),
          );
          counts[rule] += progress.removed;
          ({ afterId, done } = progress);
        }
      }
      await step.run("record", () =>
        inWorkspace(deps.db, workspaceId, (tx) => recordRetention(tx, counts, runId)),
      );
      return { status: "done", ...counts };
    },
  );
