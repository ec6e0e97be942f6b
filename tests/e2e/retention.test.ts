import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { type SampleRegistry, writeSampleRegistry } from "#infra/demo/sample-registry.ts";
import { eventually } from "#tests/support/eventually.ts";
import { type MainJob, sampleDir, startMainJob } from "#tests/support/main-job.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

let main: MainJob;
let sample: SampleRegistry;

beforeAll(async () => {
  withoutServiceUrls();
  main = await startMainJob();
  sample = await writeSampleRegistry({ dir: sampleDir(main.dataDir), rows: 60, seed: 12 });
});
afterAll(async () => {
  await main.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

async function api<Data>(method: string, path: string, body?: unknown): Promise<Data> {
  const headers = { "content-type": "application/json" };
  const answer = await main.request(path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return ((await answer.json()) as { data: Data }).data;
}

interface Entry {
  actor: { kind: string; id: string };
  details: Record<string, number>;
}

it("the nightly function removes what the dry run has named, and what an objection asked for", async () => {
  await main.finished(await main.upload(sample.file));
  const prospects = await main.query<{ id: string; person: boolean }>(
    "SELECT id, is_natural_person AS person FROM prospects WHERE status = 'enriched' ORDER BY person DESC, id",
  );
  const [trader, company] = [prospects[0], prospects.at(-1)];
  expect([trader?.person, company?.person]).toEqual([true, false]);
  for (const prospectId of [trader?.id, company?.id])
    await api("POST", "/privacy/objections", { prospectId });

  const rules = await api<{ rule: string; due: number }[]>("POST", "/privacy/retention/dry-run");
  const due = Object.fromEntries(rules.map((each) => [each.rule, each.due]));
  expect(due).toMatchObject({ sole_traders: 1, companies: 1, audit_entries: 0 });

  // As the function of the cron does it.
  await main.query("INSERT INTO outbox (workspace_id, name, data) VALUES ($1, 'privacy/retention.due', $2)", [
    DEFAULT_WORKSPACE_ID,
    { workspaceId: DEFAULT_WORKSPACE_ID },
  ]);
  const entry = await eventually(
    async () => (await api<Entry[]>("GET", "/audit?action=retention.run"))[0] ?? false,
    { deadlineMs: 60_000, everyMs: 200 },
  );
  expect(entry).toMatchObject({ actor: { kind: "system", id: "retention" }, details: due });
  const left = await main.query("SELECT id, golden FROM prospects WHERE id = ANY($1)", [
    [trader?.id, company?.id],
  ]);
  expect(left).toEqual([{ id: company?.id, golden: null }]);
});
