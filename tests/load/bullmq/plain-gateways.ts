/**
 * Providers as a plain job system asks them: about one subject a request (document 000), through a breaker, with the
 * answer kept for the day and the cost noted. No reservations, no budgets, no limits.
 */
import { sql } from "drizzle-orm";
import type { Tx } from "#db/client.ts";
import { dayInRomania } from "#src/domain/romanian-calendar.ts";
import { type Breaker, createBreaker } from "#src/platform/breaker.ts";
import type { Catalog, Gateways } from "#src/platform/connect-providers.ts";
import type { Gateway, LookupResult } from "#src/platform/gateway.ts";
import type { Logger } from "#src/platform/logger.ts";
import type { Answer, ProviderOperation } from "#src/platform/provider.ts";
import { ProviderError } from "#src/platform/provider-error.ts";

export interface PlainDeps {
  tx: Tx;
  logger: Logger;
  now: () => Date;
}

/** @param env holds the variables of all definitions, validated */
export function plainGateways<Providers extends Catalog>(
  deps: PlainDeps,
  catalog: Providers,
  env: Record<string, unknown>,
): Gateways<Providers> {
  const gateways: Record<string, Record<string, Gateway<unknown, unknown>> | undefined> = {};
  for (const [key, { slug, connect }] of Object.entries(catalog)) {
    const operations = connect(env);
    if (!operations) continue;
    const breaker = createBreaker({ window: 10, failures: 5, openMs: 60_000, now: deps.now });
    gateways[key] = Object.fromEntries(
      Object.entries(operations).map(([name, operation]) => [
        name,
        plainGateway(deps, slug, breaker, operation as ProviderOperation<unknown, unknown>),
      ]),
    );
  }
  return gateways as Gateways<Providers>;
}

function plainGateway<Subject, Body>(
  deps: PlainDeps,
  provider: string,
  breaker: Breaker,
  operation: ProviderOperation<Subject, Body>,
): Gateway<Subject, Body> {
  return {
    provider,
    operation,
    async lookup({ workspaceId, jobId, field }, lookups) {
      const results = new Map<string, LookupResult<Body>>();
      const day = dayInRomania(deps.now());
      for (const { prospectId, subject } of lookups) {
        const about = { workspaceId, jobId, field, provider, operation: operation.name, day, prospectId };
        const asked = { ...about, subject: operation.keyOf(subject) };
        const known = await findAnswer<Body>(deps.tx, asked);
        results.set(prospectId, known ?? (await askOnce(deps, breaker, operation, subject, asked)));
      }
      return results;
    },
  };
}

interface Asked {
  workspaceId: string;
  jobId: string;
  field: string;
  provider: string;
  operation: string;
  day: string;
  prospectId: string;
  subject: string;
}

async function askOnce<Subject, Body>(
  { tx, logger }: PlainDeps,
  breaker: Breaker,
  operation: ProviderOperation<Subject, Body>,
  subject: Subject,
  asked: Asked,
): Promise<LookupResult<Body>> {
  const startedAt = performance.now();
  const signal = AbortSignal.timeout(60_000);
  try {
    const answers = await breaker.run(
      () => operation.ask([subject], { signal, onSent() {}, asOf: asked.day, logger }),
      (error) => error instanceof ProviderError && error.kind === "unavailable",
    );
    const answer = answers.get(asked.subject);
    if (!answer) return { status: "missing" };
    const { costMicros: price, chargedFor } = operation.price;
    const charged = chargedFor === "answered" || (chargedFor === "found" && answer.status === "found");
    const costMicros = answer.costMicros ?? (charged ? price : 0);
    const durationMs = Math.round(performance.now() - startedAt);
    const { repeatable } = operation;
    return await storeAnswer(tx, asked, { answer, costMicros, durationMs, repeatable });
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const { kind } = error;
    if (kind === "spent" || kind === "unauthorized") {
      return { status: "unavailable", reason: kind, retryAfterMs: 0 };
    }
    if (kind === "rejected" || kind === "not_found" || kind === "bad_response") {
      return { status: "failed", code: kind };
    }
    throw error;
  }
}

type Stored<Body> = LookupResult<Body> & { status: "found" | "notFound" };
type AnswerRow = { id: string; body: unknown; settledAt: string } & Record<string, unknown>;

async function findAnswer<Body>(tx: Tx, asked: Asked): Promise<Stored<Body> | null> {
  const { workspaceId, provider, operation, subject, day } = asked;
  const { rows } = await tx.execute<AnswerRow>(sql`
    SELECT id, body, settled_at AS "settledAt" FROM snapshots
    WHERE workspace_id = ${workspaceId} AND provider = ${provider} AND operation = ${operation}
      AND subject = ${subject} AND as_of = ${day}`);
  return rows[0] ? toResult<Body>(rows[0], 0) : null;
}

/** The call in the ledger and its answer, in one statement. */
async function storeAnswer<Body>(
  tx: Tx,
  { workspaceId, jobId, field, provider, operation, day, prospectId, subject }: Asked,
  call: { answer: Answer<Body>; costMicros: number; durationMs: number; repeatable: boolean },
): Promise<Stored<Body>> {
  const { answer, costMicros, durationMs, repeatable } = call;
  const body = answer.status === "found" ? JSON.stringify(answer.body) : null;
  const { rows } = await tx.execute<AnswerRow>(sql`
    WITH call AS (
      INSERT INTO provider_calls (workspace_id, job_id, field, provider, operation, as_of, repeatable,
        idempotency_key, subjects, status, requests, cost_micros, found, duration_ms, ended_at)
      VALUES (${workspaceId}, ${jobId}, ${field}, ${provider}, ${operation}, ${day}, ${repeatable},
        ${`${jobId}:${subject}:${field}:${provider}:${prospectId}`}, 1, 'settled', 1, ${costMicros},
        ${body === null ? 0 : 1}, ${durationMs}, now())
      RETURNING id)
    INSERT INTO snapshots (workspace_id, call_id, provider, operation, subject, as_of, prospect_id, status, body,
      cost_micros, settled_at)
    SELECT ${workspaceId}, call.id, ${provider}, ${operation}, ${subject}, ${day}, ${prospectId},
      ${body === null ? "not_found" : "found"}, ${body}::jsonb, ${costMicros}, now() FROM call
    ON CONFLICT (workspace_id, provider, operation, subject, as_of) DO UPDATE SET settled_at = excluded.settled_at
    RETURNING id, settled_at AS "settledAt"`);
  return toResult<Body>(
    { ...(rows[0] as AnswerRow), body: answer.status === "found" ? answer.body : null },
    costMicros,
  );
}

function toResult<Body>({ id, body, settledAt }: AnswerRow, costMicros: number): Stored<Body> {
  const kept = { snapshotId: id, observedAt: new Date(settledAt), costMicros };
  return body === null ? { status: "notFound", ...kept } : { status: "found", body: body as Body, ...kept };
}
