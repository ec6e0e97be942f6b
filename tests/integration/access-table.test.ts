/**
 * Who may call what: docs/access.md says it for people, the endpoints for the app. Here both are compared, and every
 * route is called by everybody.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { isAtLeast, type Role, roles } from "#src/domain/access/principal.ts";
import { type EndpointSpec, scopeOf } from "#src/http/endpoint.ts";
import { createApiKey } from "#src/platform/access/api-keys.ts";
import { bearer, makeUser, signInAs, startApi, type TestApi } from "#tests/support/api.ts";

const TABLE = new URL("../../docs/access.md", import.meta.url);

/** `| POST /jobs | operator |` */
const stated = new Map(
  [...readFileSync(TABLE, "utf8").matchAll(/^\| `([A-Z]+ \/\S+)` \| (\w+) \|/gm)].map(
    ([, route = "", role = ""]) => [route, role],
  ),
);

let api: TestApi;
const users = new Map<Role, string>();

beforeAll(async () => {
  api = await startApi();
  for (const role of roles) users.set(role, (await makeUser(api, { role })).id);
});
afterAll(async () => {
  await api.stop();
});

const routeOf = ({ method, path }: EndpointSpec) => `${method.toUpperCase()} ${path}`;

it("docs/access.md names every route with its least role, and no other", () => {
  const inCode = api.endpoints.map(({ spec }) => [routeOf(spec), spec.role]);
  expect(Object.fromEntries(stated), "add or change the route's line in docs/access.md").toEqual(
    Object.fromEntries(inCode),
  );
});

/** 401 and 403 for reasons of role and scope, by their codes; null for anything else. */
async function refusal({ method, path }: EndpointSpec, headers: Record<string, string>) {
  // What is called is not there, and what is sent fits nothing: only who is asking is looked at.
  const concrete = path.replace(/:\w+/g, "019de9a2-0000-7000-8000-000000000000");
  const body = method === "get" ? {} : { body: { unexpected: true } };
  const answer = await api.request(method.toUpperCase(), concrete, { headers, ...body });
  expect(answer.status, `${method} ${path}`).toBeLessThan(500);
  const code = answer.body.error?.code;
  return ["unauthorized", "forbidden", "scope_missing"].includes(code) ? `${answer.status} ${code}` : null;
}

it("every route refuses who has not signed in, and each role exactly where the table says", async () => {
  for (const { spec } of api.endpoints) {
    const least = stated.get(routeOf(spec)) as Role | "public";
    const route = routeOf(spec);
    expect(await refusal(spec, {}), route).toBe(least === "public" ? null : "401 unauthorized");
    for (const role of roles) {
      // A session each: some routes end it.
      const { accessToken } = await signInAs(api, users.get(role) as string);
      const allowed = least === "public" || isAtLeast(role, least);
      expect(await refusal(spec, bearer(accessToken)), `${route} as ${role}`).toBe(
        allowed ? null : "403 forbidden",
      );
    }
  }
}, 120_000);

it("every route refuses an API key that lacks its scope, and no other", async () => {
  const scopes = [...new Set(api.endpoints.map(({ spec }) => scopeOf(spec)))];
  const owner = {
    kind: "service",
    id: "test",
    workspaceId: DEFAULT_WORKSPACE_ID,
    role: "owner",
    scopes: null,
  } as const;
  const unaudited = async () => {};
  const keyFor = async (allowed: readonly string[]) => {
    const wanted = {
      name: "x",
      role: "owner",
      scopes: allowed,
      requestsPerMinute: null,
      expiresAt: null,
    } as const;
    return bearer((await createApiKey(api.deps, owner, wanted, unaudited)).key);
  };
  for (const { spec } of api.endpoints) {
    if (spec.role === "public") continue;
    const scope = scopeOf(spec);
    const without = await keyFor(scopes.filter((each) => each !== scope));
    expect(await refusal(spec, without), routeOf(spec)).toBe("403 scope_missing");
    expect(await refusal(spec, await keyFor([scope])), routeOf(spec)).toBeNull();
  }
}, 120_000);
