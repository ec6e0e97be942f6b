import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Approval } from "#db/queries/approvals.ts";
import type { DeadLetter } from "#db/queries/dead-letters.ts";
import { type SampleRegistry, writeSampleRegistry } from "#infra/demo/sample-registry.ts";
import { eventually } from "#tests/support/eventually.ts";
import { type MainJob, sampleDir, startMainJob } from "#tests/support/main-job.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

let main: MainJob;
let sample: SampleRegistry;

beforeAll(async () => {
  withoutServiceUrls();
  main = await startMainJob();
  sample = await writeSampleRegistry({ dir: sampleDir(main.dataDir), rows: 200, seed: 11 });
});
afterAll(async () => {
  await main.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

async function api<Data>(
  method: string,
  path: string,
  body?: unknown,
): Promise<{
  status: number;
  data: Data;
  error: { code: string; message: string } | null;
  meta: Record<string, unknown>;
}> {
  const answer = await main.request(path, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return {
    status: answer.status,
    ...((await answer.json()) as { data: Data; error: null; meta: Record<string, unknown> }),
  };
}

const simulator = (slug: string, changes?: Record<string, number>) =>
  fetch(`${main.stack.part("simulator").url}/__simulator/${slug}`, {
    method: changes ? "POST" : "GET",
    ...(changes ? { body: JSON.stringify(changes) } : {}),
  }).then((answer) => answer.json() as Promise<{ calls: number }>);

interface Estimate {
  prospects: number;
  costMicros: { expected: number; most: number };
  limitedBy: string | null;
  fields: { field: string; rule: string; fresh: number; eligible: number; assumed: number }[];
}
const estimateOf = ({ data }: { data: Estimate }, field: string) =>
  data.fields.find((each) => each.field === field);

describe("enriching companies that are there already", () => {
  it("goes through every field, and leaves no tier and no field empty", async () => {
    // Paid for and never heard of: nobody may ask again, and there is no other source.
    await simulator("zerobounce", { resetEvery: 1 });
    const eventTypes = ["job.finished", "prospects.enriched", "approval.requested", "prospects.failed"];
    await api("POST", "/webhook-endpoints", { url: "https://crm.invalid/hooks", eventTypes });
    const job = await main.finished(await main.upload(sample.file), 200_000);
    expect(job).toMatchObject({ status: "done", prospects: { total: 200, enriched: 200, failed: 0 } });
    for (const [field, counts] of Object.entries(job.fields)) {
      const { found, notFound, inReview, failed, skipped, ineligible } = counts;
      expect([field, found + notFound + inReview + failed + skipped + ineligible]).toEqual([field, 200]);
    }
    expect(job.fields["cui-validation"]?.found).toBeGreaterThan(180);
    expect(job.fields["legal-data"]?.ineligible).toBeGreaterThan(100);
    // What fields have cost is what providers were paid, but for what nobody heard the answer of.
    const spent = Object.values(job.fields).reduce((sum, { costMicros }) => sum + costMicros, 0);
    const paid = Object.values(job.providers).reduce((sum, { costMicros }) => sum + costMicros, 0);
    expect(spent).toBeGreaterThan(0);
    expect(spent).toBe(paid);
  });

  it("tells the workspace's own systems of it", async () => {
    const told = await main.query<{ type: string; count: number; data: Record<string, unknown>[] }>(
      "SELECT type, count(*)::int, jsonb_agg(data) AS data FROM webhook_messages GROUP BY type",
    );
    const of = (type: string) => told.find((each) => each.type === type);
    expect(of("job.finished")).toMatchObject({
      count: 1,
      data: [{ kind: "import", status: "done", prospects: 200, enriched: 200, failed: 0 }],
    });
    expect(of("prospects.enriched")?.count).toBe(2);
    expect(of("prospects.enriched")?.data.flatMap(({ prospectIds }) => prospectIds)).toHaveLength(200);
    const [waiting] = await main.query<{ count: number }>("SELECT count(*)::int FROM approvals");
    expect(of("approval.requested")?.data.flatMap(({ approvalIds }) => approvalIds)).toHaveLength(
      waiting?.count ?? -1,
    );
  });

  it("says beforehand what it would ask and cost", async () => {
    const all = await api<Estimate>("POST", "/jobs/estimate", { selection: {} });
    expect(all).toMatchObject({ status: 200, data: { prospects: 200 } });
    expect(estimateOf(all, "cui-validation")).toMatchObject({ fresh: 200, eligible: 0 });
    const legal = estimateOf(all, "legal-data");
    expect(legal?.rule).toContain("active, a company, at least bronze");
    expect((legal?.fresh ?? 0) + (legal?.eligible ?? 0)).toBeLessThan(100);
    const none = await api<Estimate>("POST", "/jobs/estimate", {
      selection: { county: "Nowhere" },
      maxCostMicros: 1_000_000,
    });
    expect(none.data).toMatchObject({ prospects: 0, costMicros: { most: 0 } });
    expect(await api("POST", "/jobs/estimate", { selection: {}, fields: ["shoe-size"] })).toMatchObject({
      status: 422,
      error: { code: "unknown_field" },
    });
  });

  it("says so when a request's body is not JSON", async () => {
    const answer = await main.request("/jobs", { method: "POST", body: "{selection" });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: "not_json" } });
  });

  it("asks again only for what is missing or stale", async () => {
    const slugs = ["anaf", "termene", "listafirme", "websearch", "zerobounce"];
    const calls = async () =>
      (await Promise.all(slugs.map((slug) => simulator(slug)))).map((each) => each.calls);
    const again = async () => {
      const { data } = await api<{ jobId: string }>("POST", "/jobs", { selection: {} });
      return main.finished(data.jobId);
    };
    // Values that came late have made a few more companies worth asking about: the first time brings those.
    await again();
    const before = await calls();
    const job = await again();
    expect(job).toMatchObject({ status: "done", import: null, prospects: { total: 200, enriched: 200 } });
    expect(job.fields["cui-validation"]).toMatchObject({ skipped: 200 });
    expect(await calls()).toEqual(before);
  });

  it("never spends more than a job may cost", async () => {
    const silver = await api<{ id: string }[]>("GET", "/prospects?tier=silver&limit=100");
    const ids = silver.data.map(({ id }) => id);
    await main.query("UPDATE field_values SET fresh_until = now() WHERE field = 'legal-data'");
    await main.query(
      "UPDATE snapshots SET as_of = as_of - 1 WHERE provider IN ('termene', 'listafirme', 'openapi-ro')",
    );
    const request = { selection: { ids }, fields: ["legal-data"], maxCostMicros: 200_000 };
    const { data } = await api<{ jobId: string }>("POST", "/jobs", request);
    const job = await main.finished(data.jobId);
    const spent = Object.values(job.providers).reduce((sum, { costMicros }) => sum + costMicros, 0);
    expect(spent).toBeGreaterThan(0);
    expect(spent).toBeLessThanOrEqual(200_000);
    const codes = await main.query<{ code: string }>(
      "SELECT DISTINCT error_code AS code FROM field_values WHERE job_id = $1 AND status = 'failed'",
      [data.jobId],
    );
    expect(codes).toEqual([{ code: "over_budget_job" }]);
  });

  it("enriches one company at once, when somebody waits for it", async () => {
    const { data } = await api<{ id: string }[]>("GET", "/prospects?limit=1&tier=silver");
    const id = data[0]?.id;
    await main.query("UPDATE field_values SET fresh_until = now() WHERE field = 'fiscal-status'");
    const { status, data: job } = await api<{ jobId: string }>("POST", `/prospects/${id}/enrich`, {
      fields: ["fiscal-status"],
    });
    expect(status).toBe(202);
    expect(await main.finished(job.jobId)).toMatchObject({
      prospects: { total: 1, enriched: 1 },
      fields: { "fiscal-status": { found: 1 }, "cui-validation": { skipped: 1 } },
    });
    expect(await api("POST", "/prospects/00000000-0000-7000-8000-000000000000/enrich", {})).toMatchObject({
      status: 404,
      error: { code: "prospect_not_found" },
    });
  });
});

describe("what a person decides", () => {
  it("a value in review waits; approved, it is found, merged and scored without anybody being asked", async () => {
    const waiting = await api<Approval[]>("GET", "/approvals?field=farmer-registry");
    const [approval, other] = waiting.data;
    if (!approval || !other) throw new Error("The sample has at least two values in review.");
    expect(approval).toMatchObject({ status: "pending", defaultDecision: "reject", source: "afir-payments" });
    expect(approval.reasons[0]).toMatchObject({ part: "name", points: 72 });
    const hours = (Date.parse(approval.expiresAt) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(47);
    expect(hours).toBeLessThanOrEqual(48);

    expect((await api("POST", `/approvals/${approval.id}/decide`, { decision: "approve" })).status).toBe(200);
    const golden = () =>
      main.query<{ value: unknown; tier: string }>(
        "SELECT golden -> 'farmPaymentsReceived' -> 'value' AS value, tier FROM prospects WHERE id = $1",
        [approval.prospectId],
      );
    await eventually(async () => (await golden())[0]?.value === true, { deadlineMs: 20_000 });
    // The same decision again changes nothing, the other one is refused.
    expect((await api("POST", `/approvals/${approval.id}/decide`, { decision: "approve" })).status).toBe(200);
    expect(await api("POST", `/approvals/${approval.id}/decide`, { decision: "reject" })).toMatchObject({
      status: 409,
      error: { code: "already_decided" },
    });
  });

  it("nobody decides in time: the declared default holds", async () => {
    const { data } = await api<Approval[]>("GET", "/approvals?field=farmer-registry");
    const [approval] = data;
    await main.query("UPDATE approvals SET expires_at = now() WHERE id = $1", [approval?.id]);
    await eventually(
      async () => {
        const [value] = await main.query<{ status: string }>(
          "SELECT status FROM field_values WHERE prospect_id = $1 AND field = 'farmer-registry'",
          [approval?.prospectId],
        );
        return value?.status === "not_found";
      },
      { deadlineMs: 20_000 },
    );
    const decided = await api<Approval[]>("GET", "/approvals?status=rejected");
    expect(decided.data.map(({ id }) => id)).toContain(approval?.id);
  });
});

describe("dead letters", () => {
  it("list what failed for good with its reasons, and are asked again by filter", async () => {
    const listed = await api<DeadLetter[]>("GET", "/dead-letters?field=email-verification");
    expect(listed.data.length).toBeGreaterThan(0);
    expect(listed.data[0]).toMatchObject({ field: "email-verification", lastCode: "outcome_unknown" });
    // Asked for by the two jobs since, and still unknown.
    expect(Math.max(...listed.data.map(({ failures }) => failures))).toBe(3);
    const filter = { field: "email-verification" };
    const preview = await api<{ prospects: number }>("POST", "/dead-letters/retry", {
      filter,
      preview: true,
    });
    expect(preview).toMatchObject({ status: 200, data: { prospects: listed.data.length, jobId: null } });

    const retried = await api<{ jobId: string }>("POST", "/dead-letters/retry", { filter });
    expect(retried.status).toBe(202);
    const job = await main.finished(retried.data.jobId);
    expect(job.prospects.total).toBe(listed.data.length);
    expect(job.wanted).toEqual(["email-verification"]);
    expect(await api("POST", "/dead-letters/retry", { filter: { field: "no-such-field" } })).toMatchObject({
      status: 404,
      error: { code: "nothing_to_retry" },
    });
  });
});
