/**
 * A process of the reference: BullMQ workers for all queues. Started by run.ts, which talks to it over IPC.
 *
 * One flow per prospect, as document 000 has it: fields, merge, score. Those whom the plan's rules let go on after the
 * first score get a second flow of the fields that they are worth: fewer jobs than every field for everybody.
 */
import { type FlowJob, FlowProducer, type Job, Worker } from "bullmq";
import { sql } from "drizzle-orm";
import { Redis } from "ioredis";
import type { Tx } from "#db/client.ts";
import type { GoldenAttribute } from "#db/schema/prospects.ts";
import { enrichmentPlan } from "#functions/registry.ts";
import { loadConfig } from "#src/config.ts";
import { createDeps, type Deps } from "#src/deps.ts";
import { ineligibleBecause } from "#src/domain/enrichment/eligibility.ts";
import type { Tier } from "#src/domain/enrichment/quality.ts";
import type { RunnableField } from "#src/platform/chunk-work.ts";
import { catalog } from "#src/providers/catalog.ts";
import { type Bench, enrichField, type ProspectJob, runStage } from "./enrich.ts";
import { type FlowNode, flowOf } from "./flow.ts";
import { plainGateways } from "./plain-gateways.ts";
import { queuesOf } from "./queues.ts";

/** What run.ts tells a worker process. */
export type ToWorker = { type: "produce" } | { type: "stop" };
/** What it hears. */
export type FromWorker = { type: "ready" } | { type: "produced" } | { type: "done"; prospects: number };

const ATTEMPTS = 5;
const FLOWS_AT_ONCE = 200;
const { WORKSPACE_ID = "", JOB_ID = "", PROCESSES = "1" } = process.env;

const config = loadConfig(process.env);
const base = createDeps(config);
// One statement, one transaction: such a system needs no more. (`tx` is any executor of statements to the queries.)
const tx = base.db as unknown as Tx;
const providers = plainGateways({ tx, logger: base.logger, now: base.now }, catalog, config);
const deps: Deps = { ...base, providers };
const bench: Bench = { deps, tx, workspaceId: WORKSPACE_ID, jobId: JOB_ID };

const plan = enrichmentPlan;
const stages = new Set(plan.stages);
const lines = new Map(plan.fields.map((line) => [line.id, line]));
const lastStage = plan.stages.at(-1) ?? "";
const later = laterFields();
const earlier = plan.fields.filter(({ id }) => !later.has(id));
const queues = queuesOf(plan.functions.map(({ id }) => id));
const queueOf = new Map(queues.flatMap(({ name, fields }) => fields.map((id) => [id, name] as const)));

const connection = new Redis(config.REDIS_URL, { maxRetriesPerRequest: null });
const flows = new FlowProducer({ connection });
const workers = queues.map(
  ({ name, concurrency }) =>
    new Worker<ProspectJob>(name, work, {
      connection,
      concurrency: Math.max(1, Math.round(concurrency / Number(PROCESSES))),
      lockDuration: 60_000,
      stalledInterval: 30_000,
      maxStalledCount: 2,
    }),
);
let done = 0;
let told = 0;
for (const worker of workers) {
  worker.on("error", (error) => base.logger.error({ err: error, queue: worker.name }, "worker error"));
  worker.on("failed", (job, error) => {
    base.logger.warn({ field: job?.name, err: error }, "job failed");
    // The rest of its flow never comes.
    if (job && stages.has(job.name) && job.attemptsMade >= ATTEMPTS) done += 1;
  });
}
await Promise.all(workers.map((worker) => worker.waitUntilReady()));
setInterval(() => {
  if (done > told) tell({ type: "done", prospects: done - told });
  told = done;
}, 100);
process.on("message", (message: ToWorker) => {
  if (message.type === "produce") void produce().then(() => tell({ type: "produced" }));
  else void stop();
});
tell({ type: "ready" });

async function work(job: Job<ProspectJob>): Promise<string> {
  const definition = plan.functions.find(({ id }) => id === job.name);
  if (!definition) throw new Error(`The plan has no "${job.name}".`);
  if (definition.kind === "field") {
    const line = lines.get(definition.id) as RunnableField;
    const last = job.attemptsMade + 1 >= ATTEMPTS;
    return enrichField(bench, { field: definition, line, last }, job.data);
  }
  await runStage(bench, definition, job.data);
  if (definition.id === lastStage && !(await follow(job.data))) done += 1;
  return "done";
}

type Scored = { golden: Record<string, GoldenAttribute>; tier: Tier | null } & Record<string, unknown>;

/** Adds the flow of what a prospect is worth after its first score. */
async function follow(prospect: ProspectJob): Promise<boolean> {
  if (prospect.again || later.size === 0) return false;
  const { rows } = await tx.execute<Scored>(sql`
    SELECT golden, tier FROM prospects WHERE id = ${prospect.prospectId} AND status = 'enriched'`);
  if (!rows[0]) return false;
  const { golden, tier } = rows[0];
  const attributes = Object.fromEntries(Object.entries(golden).map(([name, { value }]) => [name, value]));
  const facts = { isNaturalPerson: prospect.isNaturalPerson, tier, attributes };
  const chosen = new Set<string>();
  for (const { id, needs, when } of later.values()) {
    // What another field of the flow may still find out is judged when its turn comes.
    if (needs.some((need) => chosen.has(need)) || ineligibleBecause(when, facts) === null) chosen.add(id);
  }
  if (chosen.size === 0) return false;
  const fields = [...later.values()].filter(({ id }) => chosen.has(id));
  await flows.add(flowFor(flowOf(fields, plan.stages), { ...prospect, again: true }));
  return true;
}

async function produce(): Promise<void> {
  const { rows } = await tx.execute<ProspectJob & Record<string, unknown>>(sql`
    SELECT p.id AS "prospectId", c.id AS "chunkId", p.is_natural_person AS "isNaturalPerson", false AS again
    FROM chunks c JOIN prospects p ON p.id = c.prospect_ids[1] WHERE c.job_id = ${JOB_ID} ORDER BY c.seq`);
  const first = flowOf(earlier, plan.stages);
  for (let at = 0; at < rows.length; at += FLOWS_AT_ONCE) {
    await flows.addBulk(rows.slice(at, at + FLOWS_AT_ONCE).map((prospect) => flowFor(first, prospect)));
  }
}

function flowFor({ id, children }: FlowNode, data: ProspectJob): FlowJob {
  return {
    name: id,
    queueName: queueOf.get(id) ?? id,
    data,
    opts: {
      attempts: ATTEMPTS,
      backoff: { type: "exponential", delay: 1_000 },
      removeOnComplete: true,
      removeOnFail: 1_000,
      // What an optional field cannot say holds nobody up; what a required one cannot say is written on the prospect.
      ...(stages.has(id) ? {} : { ignoreDependencyOnFailure: true }),
    },
    children: children.map((child) => flowFor(child, data)),
  };
}

/** Fields that come after the first score, directly or by what they need; those that others need first. */
function laterFields(): Map<string, RunnableField> {
  const found = new Map<string, RunnableField>();
  const isLater = (id: string): boolean =>
    stages.has(id) || found.has(id) || (lines.get(id)?.needs ?? []).some(isLater);
  const add = (line: RunnableField) => {
    if (found.has(line.id) || !line.needs.some(isLater)) return;
    for (const need of line.needs) if (lines.has(need)) add(lines.get(need) as RunnableField);
    found.set(line.id, line);
  };
  for (const line of plan.fields) add(line);
  return found;
}

async function stop(): Promise<void> {
  await Promise.allSettled([...workers.map((worker) => worker.close()), flows.close()]);
  process.exit(0);
}

function tell(message: FromWorker): void {
  process.send?.(message);
}
