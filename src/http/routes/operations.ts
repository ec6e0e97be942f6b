import { setCookie } from "hono/cookie";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { countDeadLetters, deadLetterTargets } from "#db/queries/dead-letters.ts";
import { listJobs } from "#db/queries/jobs.ts";
import { listPauses } from "#db/queries/pauses.ts";
import { jobStatuses } from "#db/schema/jobs.ts";
import { pauseKinds } from "#db/schema/pauses.ts";
import type { Deps } from "#src/deps.ts";
import { ForbiddenError, InvalidInputError } from "#src/domain/errors.ts";
import { cleanDomain } from "#src/domain/web/domain-name.ts";
import { cancelJob } from "#src/platform/operations/cancel-job.ts";
import {
  DASHBOARD_SECONDS,
  issueDashboardSession,
  maySeeDashboard,
} from "#src/platform/operations/dashboard-session.ts";
import { functionStates, idOf, isPausable } from "#src/platform/operations/functions.ts";
import { healthOfAllParts, healthStates } from "#src/platform/operations/health.ts";
import { pause, resume } from "#src/platform/operations/pauses.ts";
import { retryDeadLetters } from "#src/platform/operations/retry-dead-letters.ts";
import type { AppParts } from "../app.ts";
import { type Endpoint, endpoint, IdParams, Instant, Page, PageQuery } from "../endpoint.ts";
import { ok } from "../envelope.ts";
import { DASHBOARD, DASHBOARD_COOKIE, OPS } from "../ops-proxy.ts";
import { freeText } from "../plain-text.ts";
import { WorkOptions } from "../selection.ts";
import { DeadLetterFilter } from "./dead-letters.ts";

const tag = "operations";
const count = z.int().nonnegative();
const Pause = z.object({
  id: z.uuid(),
  kind: z.enum(pauseKinds),
  target: z.string(),
  reason: z.string(),
  pausedBy: z.string(),
  createdAt: Instant,
  liftedBy: z.string().nullable(),
  liftedAt: Instant.nullable(),
});
const Job = z.object({
  id: z.uuid(),
  kind: z.enum(["import", "enrich"]),
  status: z.enum(jobStatuses),
  errorCode: z.string().nullable(),
  prospects: count,
  chunks: z.object({ total: count, done: count }),
  createdAt: Instant,
  startedAt: Instant.nullable(),
  endedAt: Instant.nullable(),
});
const FunctionState = z.object({
  id: z.string(),
  concurrency: z.int().nullable().describe("Runs at once, by all replicas; null: as many as come."),
  throttle: z.object({ limit: z.int(), period: z.string() }).nullable(),
  retries: z.int().nullable(),
  pausedBy: z.uuid().nullable().describe("The pause that keeps it from beginning."),
  waiting: count.describe("Chunks, or events, that wait for it."),
  running: count.nullable().describe("Null, as those below, for a function that works on no chunk."),
  failed: count.nullable().describe("Chunks that failed for good, in the last 24 hours."),
  lastError: z.object({ code: z.string(), message: z.string(), at: Instant }).nullable(),
});
const Health = z.object({
  state: z.enum(healthStates).describe("The worst of the parts; what is off does not count."),
  parts: z.array(z.object({ part: z.string(), state: z.enum(healthStates), sentence: z.string() })),
});
const Retry = z.object({
  counts: z.array(z.object({ field: z.string(), code: z.string(), count })),
  prospects: count,
  fields: z.array(z.string()),
  jobId: z.uuid().nullable(),
});

type OperationsParts = Pick<AppParts, "functions" | "plan" | "isSynced">;

/** What operators do to running work: pause and resume, cancel, retry; and how everything stands. */
export const operationsEndpoints = (
  deps: Deps,
  { functions, plan, isSynced }: OperationsParts,
): Endpoint[] => {
  const { config, db } = deps;
  const pausable = {
    functions: new Set(functions.filter(isPausable).map(idOf)),
    providers: new Set(deps.providerRuntimes.map(({ slug }) => slug)),
  };
  const chunkFunctions = new Set([...plan.fields.map(({ id }) => id), ...plan.stages]);

  return [
    endpoint(
      {
        method: "post",
        path: "/operations/pauses",
        tag,
        role: "operator",
        summary: "Pauses the workspace, a function, a provider or a site",
        description:
          "What is under way ends; nothing new begins. What arrives waits in its order, whatever restarts in between. A " +
          "provider's questions are asked of nobody else. Pausing what is paused answers the pause that holds.",
        body: z.strictObject({
          kind: z.enum(pauseKinds),
          target: z
            .string()
            .trim()
            .max(253)
            .default("")
            .describe("The function's or provider's id, or the site's domain; none for the workspace."),
          reason: freeText(500),
        }),
        answer: z.object({ pauseId: z.uuid() }),
        status: 201,
      },
      ({ workspaceId, principal, audit, body: { kind, target: given, reason } }) =>
        inWorkspace(db, workspaceId, async (tx) => {
          const target = targetOf(kind, given);
          const wanted = { workspaceId, kind, target, reason, by: principal.id };
          const { id, isNew } = await pause(tx, pausable, wanted);
          // A domain may be a person's.
          const details = { kind, isNew, ...(kind === "domain" ? {} : { target }) };
          await audit(tx, { action: "pause.began", subject: { kind: "pause", id }, details });
          return { pauseId: id };
        }),
    ),
    endpoint(
      {
        method: "get",
        path: "/operations/pauses",
        tag,
        role: "viewer",
        summary: "What is paused, the newest first; with `active=false` also what was",
        query: PageQuery.extend({ active: z.stringbool().default(true) }),
        answer: z.array(Pause),
        paged: true,
      },
      async ({ workspaceId, query: { active, cursor, limit } }) => {
        const page = { active, beforeId: cursor ?? null, limit: limit + 1 };
        const rows = await inWorkspace(db, workspaceId, (tx) => listPauses(tx, page));
        return Page.of(rows, limit, ({ id }) => id);
      },
    ),
    endpoint(
      {
        method: "delete",
        path: "/operations/pauses/:id",
        tag,
        role: "operator",
        summary: "Resumes what was paused: within seconds, in the order in which it had arrived",
        params: IdParams,
        answer: z.object({ pauseId: z.uuid() }),
      },
      ({ workspaceId, principal, audit, params: { id } }) =>
        inWorkspace(db, workspaceId, async (tx) => {
          const changed = await resume(tx, id, principal.id);
          await audit(tx, { action: "pause.lifted", subject: { kind: "pause", id }, details: { changed } });
          return { pauseId: id };
        }),
    ),
    endpoint(
      {
        method: "get",
        path: "/jobs",
        tag: "jobs",
        role: "viewer",
        summary: "Jobs, the newest first",
        query: PageQuery.extend({
          status: z.enum(jobStatuses).optional(),
          kind: z.enum(["import", "enrich"]).optional(),
        }),
        answer: z.array(Job),
        paged: true,
      },
      async ({ workspaceId, query: { status = null, kind = null, cursor, limit } }) => {
        const page = { status, kind, beforeId: cursor ?? null, limit: limit + 1 };
        const rows = await inWorkspace(db, workspaceId, (tx) => listJobs(tx, page));
        return Page.of(rows, limit, ({ id }) => id);
      },
    ),
    endpoint(
      {
        method: "post",
        path: "/jobs/:id/cancel",
        tag: "jobs",
        role: "operator",
        summary: "Cancels a job; what it has written stays, and what it has paid for is kept",
        params: IdParams,
        answer: z.object({ jobId: z.uuid(), status: z.enum(jobStatuses) }),
      },
      async ({ workspaceId, audit, params: { id } }) => {
        const status = await cancelJob(deps, plan, { workspaceId, jobId: id }, (tx) =>
          audit(tx, { action: "job.cancelled", subject: { kind: "job", id } }),
        );
        return { jobId: id, status };
      },
    ),
    endpoint(
      {
        method: "post",
        path: "/operations/retries",
        tag,
        role: "operator",
        summary: "Asks again about what failed for good, by filter, as one job",
        description: "With `dryRun` it only counts, by field and error code, and answers 200.",
        body: z.strictObject({
          filter: DeadLetterFilter,
          dryRun: z.boolean().default(false),
          ...WorkOptions.omit({ fields: true }).shape,
        }),
        answer: Retry,
        status: 202,
      },
      ({ c, workspaceId, audit, body: { filter, dryRun, ...options } }) =>
        inWorkspace(db, workspaceId, async (tx) => {
          const counts = await countDeadLetters(tx, filter);
          if (dryRun) return ok(c, { counts, ...(await deadLetterTargets(tx, filter)), jobId: null });
          const retry = await retryDeadLetters(tx, deps, plan, { ...options, workspaceId, filter });
          const { jobId, ...details } = retry;
          await audit(tx, { action: "dead_letters.retried", subject: { kind: "job", id: jobId }, details });
          return { counts, ...retry };
        }),
    ),
    endpoint(
      {
        method: "get",
        path: "/operations/functions",
        tag,
        role: "viewer",
        summary: "Every function: what it declares, and how it stands in this workspace",
        answer: z.array(FunctionState),
      },
      ({ workspaceId }) =>
        inWorkspace(db, workspaceId, (tx) => functionStates(tx, functions, chunkFunctions)),
    ),
    endpoint(
      {
        method: "get",
        path: "/operations/health",
        tag,
        role: "operator",
        summary: "How every part stands",
        answer: Health,
      },
      async ({ workspaceId }) => {
        // Where Postgres is away the parts say so: that is what is asked for here.
        const paused = await inWorkspace(db, workspaceId, (tx) =>
          listPauses(tx, { active: true, beforeId: null, limit: 1_000 }),
        ).catch(() => []);
        const pausedProviders = new Set(
          paused.flatMap(({ kind, target }) => (kind === "provider" ? target : [])),
        );
        return healthOfAllParts(deps, { isSynced, pausedProviders });
      },
    ),
    endpoint(
      {
        method: "post",
        path: "/operations/dashboard-session",
        tag,
        role: "operator",
        summary: `Gives a cookie that opens the engine's dashboard at ${DASHBOARD}/ for a quarter of an hour`,
        description:
          "The dashboard shows the runs of all workspaces: it is for operators of the installation's own workspace.",
        answer: z.object({ url: z.string(), seconds: z.int() }),
      },
      async ({ c, workspaceId, principal, audit }) => {
        if (!maySeeDashboard(principal)) {
          const message = "The dashboard is for operators of the installation's own workspace.";
          throw new ForbiddenError("forbidden", message);
        }
        await inWorkspace(db, workspaceId, (tx) =>
          audit(tx, { action: "dashboard.opened", subject: { kind: "engine" } }),
        );
        setCookie(c, DASHBOARD_COOKIE, issueDashboardSession(deps, principal), {
          httpOnly: true,
          sameSite: "Strict",
          secure: config.NODE_ENV === "production",
          path: OPS,
          maxAge: DASHBOARD_SECONDS,
        });
        return { url: `${DASHBOARD}/`, seconds: DASHBOARD_SECONDS };
      },
    ),
  ];
};

/** @throws InvalidInputError when the target is none of this kind */
function targetOf(kind: (typeof pauseKinds)[number], given: string): string {
  if ((kind === "workspace") === (given === "")) {
    const domain = kind === "domain" ? cleanDomain(given) : given;
    if (domain !== null) return domain;
  }
  const message =
    kind === "workspace"
      ? "A workspace is paused as a whole: leave target out."
      : `Name the ${kind} that is to be paused.`;
  throw new InvalidInputError("unknown_target", message, { field: "target" });
}
