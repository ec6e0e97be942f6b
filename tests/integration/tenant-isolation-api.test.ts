/**
 * A workspace sees and changes nothing of another one, route by route, through the API: with the other's ids in every
 * place that takes one. Routes and their places for ids are read from the endpoints, so that whatever is new takes part.
 * Beneath the code: tenant-isolation.test.ts.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { datasets } from "#src/domain/reference/datasets.ts";
import type { EndpointSpec } from "#src/http/endpoint.ts";
import { bearer, makeUser, signInAs, startApi, type TestApi } from "#tests/support/api.ts";
import { idFieldsOf, sampleOf, setAt } from "#tests/support/sample-of.ts";
import { asService } from "#tests/support/secret-keys.ts";
import {
  idsOf,
  makeTenant,
  marksOf,
  readTables,
  rowsOf,
  type Table,
  type Tenant,
} from "#tests/support/tenants.ts";

let api: TestApi;
let owner: pg.Client;
let tables: Table[];
let mine: Tenant;
let theirs: Tenant;

beforeAll(async () => {
  api = await startApi();
  owner = new pg.Client({ connectionString: api.database.url });
  await owner.connect();
  tables = await readTables(owner);
  mine = await makeTenant(owner, tables, 1);
  theirs = await makeTenant(owner, tables, 2);
});
afterAll(async () => {
  await owner.end();
  await api.stop();
});

describe("a request in my workspace", () => {
  /** What a path names that is no id: it has the same name in every workspace. */
  const NAMES: Record<string, string> = {
    dataset: Object.keys(datasets)[0] as string,
    provider: "resend",
    purpose: "b2b_prospecting",
    slug: "anaf",
  };
  const routeOf = ({ method, path }: EndpointSpec) => `${method.toUpperCase()} ${path}`;
  const specs = () => api.endpoints.map(({ spec }) => spec);

  interface Request {
    path: string;
    body?: unknown;
    /** Their id that it names. */
    id: string | null;
  }

  /** Their ids in each place of a route that takes one, at least one request for each. */
  function requestsOf({ path, query, body }: EndpointSpec): Request[] {
    const named = path.replace(/:(?!id\b)(\w+)/g, (_, name) => NAMES[name] ?? fail(path, name));
    const sample = body && sampleOf(body);
    const asked = new URLSearchParams(query && (sampleOf(query) as Record<string, string>));
    const requests: Request[] = [];
    const theirIds = idsOf(theirs);
    const myIds = idsOf(mine);
    if (named.includes(":id")) {
      for (const id of theirIds.values()) requests.push({ path: named.replace(":id", id), body: sample, id });
      return requests;
    }
    for (const [table, id] of theirIds) {
      for (const [field] of query ? idFieldsOf(query) : [])
        requests.push({ path: `${named}?${asked}&${field}=${id}`, body: sample, id });
      const fields = body ? idFieldsOf(body) : [];
      // The other fields name nothing, or something of mine, of the same kind.
      const mineOnly = fields.reduce((all, each) => setAt(all, each, myIds.get(table)), sample);
      for (const field of fields) {
        for (const others of [sample, mineOnly])
          requests.push({ path: named, body: setAt(others, field, id), id });
      }
    }
    return [...requests, { path: `${named}?${asked}`, body: sample, id: null }];
  }
  function fail(path: string, name: string): never {
    throw new Error(`${path}: what is ":${name}"? If it is no id, say in NAMES what it could be.`);
  }

  it("names, finds and changes nothing of theirs, on every route, in every place for an id", async () => {
    const { id: userId } = await makeUser(api, { role: "owner", workspaceId: mine.workspaceId });
    const marks = marksOf(theirs);
    // Sealed by nobody: the app makes one of its own.
    await owner.query(`DELETE FROM suppression_peppers WHERE workspace_id = '${mine.workspaceId}'`);
    const before = await rowsOf(owner, tables, theirs);
    for (const spec of specs()) {
      // A session each, as some routes end it.
      const headers = bearer((await signInAs(api, userId)).accessToken);
      for (const { path, body, id } of requestsOf(spec)) {
        const answer = await api.request(spec.method.toUpperCase(), path, { headers, body });
        const route = `${routeOf(spec)} as ${path}`;
        if (spec.path.includes(":id")) expect([route, answer.status]).toEqual([route, 404]);
        expect(answer.status, route).toBeLessThan(500);
        const text = JSON.stringify(answer.body);
        expect([route, marks.filter((mark) => mark !== id && text.includes(mark))]).toEqual([route, []]);
      }
    }
    expect(await rowsOf(owner, tables, theirs)).toEqual(before);
  }, 60_000);

  it("would find all that in theirs", async () => {
    const headers = { ...asService, "X-Workspace-Id": theirs.workspaceId };
    const marks = marksOf(theirs);
    for (const spec of specs().filter(({ paged, path }) => paged && !path.includes(":"))) {
      const [{ path } = { path: "" }] = requestsOf(spec).slice(-1);
      const { body } = await api.request("GET", path, { headers });
      const text = JSON.stringify(body);
      const isSeen = marks.some((mark) => text.includes(mark));
      expect([spec.path, isSeen]).toEqual([spec.path, true]);
    }
    // What removes things comes last.
    const order = ["get", "put", "patch", "post", "delete"];
    const byId = specs().filter(({ path }) => path.includes(":id"));
    for (const spec of byId.sort((a, b) => order.indexOf(a.method) - order.indexOf(b.method))) {
      const statuses = [];
      for (const { path, body } of requestsOf(spec))
        statuses.push((await api.request(spec.method.toUpperCase(), path, { headers, body })).status);
      expect([routeOf(spec), statuses.some((status) => status !== 404)]).toEqual([routeOf(spec), true]);
    }
  }, 60_000);
});

it("Redis holds nothing of a workspace: what names its keys is an account with a provider, or who makes requests", () => {
  const src = join(import.meta.dirname, "../../src");
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".test.ts"),
  );
  const keys = files.flatMap((file) =>
    [...readFileSync(join(src, file), "utf8").matchAll(/["`](\{?cerniq:[\w:${}]+)/g)].map(
      ([, key = ""]) => `${file} ${key.replace(/\$\{(\w+)\}/g, "<$1>")}`,
    ),
  );
  expect(keys.sort()).toEqual([
    "platform/gateway/block.ts cerniq:provider:<provider>:blocked",
    "platform/limiter-script.ts {cerniq:limit:<name>}:<part>",
    "platform/rate-limit.ts cerniq:rate",
  ]);
});
