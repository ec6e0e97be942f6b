/**
 * A workspace sees and changes nothing of another one: table by table beneath the code, and route by route through the
 * API. Tables, rights, foreign keys, routes and their ids are read from the catalogue and from the endpoints, so that
 * whatever is new takes part, or fails until it is listed here with its reason. Webhooks that come in with the secret of
 * another workspace: webhooks-in-attacks.test.ts.
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
  insert,
  makeTenant,
  marksOf,
  ofTenant,
  type Row,
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

/** Tables without a policy that compares workspace_id, and what stands in its place. */
const OTHER_POLICIES: Record<string, string> = {
  workspaces: "(id = current_workspace())",
  // Who is a member; of their columns those that make no sign-in.
  users:
    "(id IN ( SELECT memberships.user_id FROM memberships WHERE (memberships.workspace_id = current_workspace())))",
  // Looked at before a workspace is known, by cerniq_access alone.
  sessions: "none",
  refresh_tokens: "none",
};

/** Foreign keys that take a row of another workspace, and why that does no harm. */
const HARMLESS: Record<string, string> = {
  "prospects.merged_into":
    "Not enforced, as imports would pay for it: a prospect that stands for mine is then one that nobody here sees.",
};

/**
 * What the roles that work across workspaces may do, and with which rows (`true`: all). cerniq_app is not here: it has
 * its own workspace's rows.
 */
const ACROSS: Record<string, Record<string, string>> = {
  // Finds out who is asking.
  cerniq_access: {
    api_keys: "SELECT, UPDATE (last_used_at) where true",
    invitations: "SELECT, UPDATE (accepted_at) where true",
    memberships: "INSERT, SELECT where true",
    refresh_tokens: "DELETE, INSERT, SELECT, UPDATE where true",
    sessions: "DELETE, INSERT, SELECT, UPDATE where true",
    users: "INSERT, SELECT, UPDATE where true",
    workspaces: "INSERT, SELECT where true",
  },
  // Removes old entries of the audit trail.
  cerniq_retention: {
    audit_entries: "DELETE, SELECT where true",
    audit_heads: "SELECT, UPDATE (anchor_seq, anchor_hash) where true",
    workspaces: "SELECT (id, slug) where true",
  },
  // The relay of events, the sweepers, the door for webhooks, and the rotation of sealed columns.
  cerniq_system: {
    approvals: "SELECT (id, workspace_id, status, default_decision, expires_at) where true",
    chunk_fields: "SELECT where true",
    endpoint_deliveries: "SELECT (id, workspace_id, status, due_at) where (status = 'pending'::text)",
    erasures: "SELECT (id, workspace_id, subject_sealed), UPDATE (subject_sealed) where true",
    idempotency_keys: "SELECT (id, workspace_id, key_sha256, answer), UPDATE (answer) where true",
    imports: "SELECT (id, workspace_id, job_id, attempt, deadline_at) where true",
    job_fields: "SELECT (job_id, workspace_id, field, outstanding, max_outstanding) where true",
    jobs: "SELECT (id, workspace_id, status, priority) where true",
    outbox: "DELETE, SELECT, UPDATE where true",
    pauses: "SELECT (id, workspace_id, kind, target, lifted_at) where true",
    provider_calls: "SELECT (id, workspace_id, status, lease_until) where true",
    provider_credentials: "SELECT (id, workspace_id, provider, sealed), UPDATE (sealed) where true",
    suppression_peppers: "SELECT (id, workspace_id, sealed), UPDATE (sealed) where true",
    users: "SELECT (id, totp_secret), UPDATE (totp_secret) where true",
    webhook_deliveries:
      "SELECT (id, workspace_id, provider, status, requested_at) where (status = 'received'::text)",
    webhook_endpoints:
      "SELECT (id, workspace_id, secret_sealed, previous_sealed), UPDATE (secret_sealed, previous_sealed) where true",
    webhook_sources:
      "SELECT (id, workspace_id, provider, secret_sealed, previous_sealed, previous_until), UPDATE (secret_sealed, previous_sealed) where true",
    workspaces: "SELECT (id, slug) where true",
  },
};

const DENIED = "42501";
const FOREIGN_KEY_VIOLATION = "23503";

/** What comes of it when the app does this in my workspace: rows, or the error's code. It is taken back. */
async function attempt(
  work: () => Promise<{ rowCount: number | null }>,
  before: () => Promise<unknown> = async () => {},
): Promise<string> {
  await owner.query("BEGIN");
  try {
    await before();
    await owner.query(
      "SELECT set_config('role', 'cerniq_app', true), set_config('app.workspace_id', $1, true)",
      [mine.workspaceId],
    );
    return `${(await work()).rowCount} rows`;
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await owner.query("ROLLBACK");
  }
}

/** Columns that the app may use so, by table. */
async function columnsFor(right: "SELECT" | "INSERT" | "UPDATE"): Promise<Map<string, string[]>> {
  const { rows } = await owner.query<{ name: string; columns: string[] }>(
    `SELECT attrelid::regclass::text AS name, array_agg(attname::text) AS columns FROM pg_attribute
     WHERE attrelid::regclass::text = ANY ($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
       AND has_column_privilege('cerniq_app', attrelid, attnum, $2)
     GROUP BY 1`,
    [tables.map(({ name }) => name), right],
  );
  return new Map(rows.map(({ name, columns }) => [name, columns]));
}

/** For each table its outcome. */
async function outcomes(of: (table: Table) => Promise<string>): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const table of tables) found[table.name] = await of(table);
  return found;
}
const expected = (of: (table: Table) => string): Record<string, string> =>
  Object.fromEntries(tables.map((table) => [table.name, of(table)]));

describe("every table", () => {
  it("has a row of both workspaces", async () => {
    for (const tenant of [mine, theirs]) {
      const rows = await rowsOf(owner, tables, tenant);
      expect(Object.entries(rows).filter(([, { length }]) => length !== 1)).toEqual([]);
    }
  });

  it("shows the app the rows of the workspace that it works in, by row-level security that binds its owner too", async () => {
    const { rows } = await owner.query<{ name: string; forced: boolean; policies: string }>(
      `
      SELECT c.relname AS name, relrowsecurity AND relforcerowsecurity AS forced,
        coalesce(string_agg(DISTINCT expression, ' and '), 'none') AS policies
      FROM pg_class c
      LEFT JOIN pg_policies p ON p.tablename = c.relname AND p.roles && ARRAY['cerniq_app', 'public']::name[]
      LEFT JOIN LATERAL (VALUES (regexp_replace(qual, '\\s+', ' ', 'g')), (regexp_replace(with_check, '\\s+', ' ', 'g')))
        AS v (expression) ON expression IS NOT NULL
      WHERE c.relname = ANY ($1) AND c.relnamespace = 'public'::regnamespace GROUP BY 1, 2`,
      [tables.map(({ name }) => name)],
    );
    const plain = (policies: string) =>
      policies.replaceAll("( SELECT current_workspace() AS current_workspace)", "current_workspace()");
    const found = rows.map(({ name, forced, policies }) => [name, forced ? plain(policies) : "not forced"]);
    expect(Object.fromEntries(found)).toEqual(
      expected(({ name }) => OTHER_POLICIES[name] ?? "(workspace_id = current_workspace())"),
    );
  });

  it("is reached by no view and no function that works with its owner's rights", async () => {
    const { rows } = await owner.query(`
      SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')
      UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef`);
    expect(rows).toEqual([]);
  });
});

describe("SQL in my workspace", () => {
  it("sees what is mine and nothing of theirs", async () => {
    const readable = await columnsFor("SELECT");
    const seen = await outcomes(({ name }) =>
      attempt(() => owner.query(`SELECT ${readable.get(name) ?? "*"} FROM ${name}`)),
    );
    expect(seen).toEqual(expected(({ name }) => (readable.has(name) ? "1 rows" : DENIED)));
    const foreign = await outcomes((table) =>
      attempt(() => owner.query(`SELECT 1 FROM ${table.name} WHERE ${ofTenant(table, theirs)}`)),
    );
    expect(foreign).toEqual(expected(({ name }) => (readable.has(name) ? "0 rows" : DENIED)));
  });

  it("updates and deletes nothing of theirs", async () => {
    const updatable = await columnsFor("UPDATE");
    const updated = await outcomes((table) => {
      const [column = table.primaryKey[0]] = updatable.get(table.name) ?? [];
      return attempt(() =>
        owner.query(`UPDATE ${table.name} SET ${column} = ${column} WHERE ${ofTenant(table, theirs)}`),
      );
    });
    expect(updated).toEqual(expected(({ name }) => (updatable.has(name) ? "0 rows" : DENIED)));

    const { rows } = await owner.query<{ name: string }>(
      "SELECT name FROM unnest($1::text[]) AS name WHERE has_table_privilege('cerniq_app', name, 'DELETE')",
      [tables.map(({ name }) => name)],
    );
    const deletable = new Set(rows.map(({ name }) => name));
    const deleted = await outcomes((table) =>
      attempt(() => owner.query(`DELETE FROM ${table.name} WHERE ${ofTenant(table, theirs)}`)),
    );
    expect(deleted).toEqual(expected(({ name }) => (deletable.has(name) ? "0 rows" : DENIED)));
  });

  it("gives them nothing: no new row, and none of mine", async () => {
    const insertable = await columnsFor("INSERT");
    /** What makes a row theirs. */
    const foreign = ({ name, columns, primaryKey }: Table): Row => {
      const isTenants = columns.some((column) => column.name === "workspace_id");
      const column = isTenants ? "workspace_id" : (primaryKey[0] as string);
      return { [column]: theirs.rows.get(name)?.[column] };
    };
    const inserted = await outcomes((table) => {
      const row = { ...mine.rows.get(table.name), ...foreign(table) };
      return attempt(() => insert(owner, table.name, only(insertable.get(table.name), row)));
    });
    expect(inserted).toEqual(expected(() => DENIED));
    const moved = await outcomes((table) => {
      const [[column, value]] = Object.entries(foreign(table)) as [[string, string]];
      return attempt(() => owner.query(`UPDATE ${table.name} SET ${column} = $1`, [value]));
    });
    expect(moved).toEqual(expected(() => DENIED));
  });

  it("points to nothing of theirs, but where that does no harm", async () => {
    const insertable = await columnsFor("INSERT");
    const updatable = await columnsFor("UPDATE");
    const accepted: string[] = [];
    for (const table of tables) {
      for (const key of table.foreignKeys) {
        const columns = key.columns.filter((column) => column !== "workspace_id");
        const may = (rights: Map<string, string[]>) =>
          columns.some((column) => rights.get(table.name)?.includes(column));
        if (!may(insertable)) {
          expect([table.name, may(updatable)]).toEqual([table.name, false]);
          continue;
        }
        const pointingTo = (tenant: Tenant): Row => {
          const parent = tenant.rows.get(key.parent) as Row;
          const values = columns.map((column) => [
            column,
            parent[key.parentColumns[key.columns.indexOf(column)] as string],
          ]);
          const row = { ...mine.rows.get(table.name), ...Object.fromEntries(values) };
          // Only what ends a reservation names one.
          return key.name === "credit_entries_reservation_fkey"
            ? { ...row, kind: "refund", reserved_micros: -1 }
            : row;
        };
        // In the place of my row, and theirs, so that no unique key is in the way.
        const makeRoom = async () => {
          await owner.query("SET LOCAL session_replication_role = replica");
          await owner.query(`DELETE FROM ${table.name} WHERE ${ofTenant(table, mine)}`);
          if (key.parent !== table.name)
            await owner.query(`DELETE FROM ${table.name} WHERE ${ofTenant(table, theirs)}`);
          await owner.query("SET LOCAL session_replication_role = origin");
        };
        const place = (tenant: Tenant) =>
          attempt(
            () => insert(owner, table.name, only(insertable.get(table.name), pointingTo(tenant))),
            makeRoom,
          );
        const name = `${table.name}.${columns}`;
        if (key.parent !== table.name) expect([name, await place(mine)]).toEqual([name, "1 rows"]);
        const outcome = await place(theirs);
        if (outcome === "1 rows") accepted.push(name);
        else expect([name, outcome]).toEqual([name, FOREIGN_KEY_VIOLATION]);
      }
    }
    expect(accepted).toEqual(Object.keys(HARMLESS));
  });

  const only = (columns: readonly string[] | undefined, row: Row): Row =>
    Object.fromEntries(Object.entries(row).filter(([column]) => !columns || columns.includes(column)));
});

it("roles that work across workspaces have these rights, and no others", async () => {
  const { rows } = await owner.query<{ role: string; name: string; rights: string }>(`
    WITH granted AS (
      SELECT grantee, c.relname, privilege_type, NULL AS attname, 0 AS attnum FROM pg_class c, aclexplode(c.relacl)
      WHERE c.relnamespace = 'public'::regnamespace
      UNION ALL
      SELECT grantee, c.relname, privilege_type, attname, attnum FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl)
      WHERE c.relnamespace = 'public'::regnamespace),
    rights AS (
      SELECT grantee, relname, privilege_type || coalesce(' (' || string_agg(attname, ', ' ORDER BY attnum) || ')', '') AS rght
      FROM granted GROUP BY grantee, relname, privilege_type)
    SELECT coalesce(pg_get_userbyid(nullif(grantee, 0)), 'public') AS role, relname AS name,
      string_agg(rght, ', ' ORDER BY rght) || ' where ' || coalesce((
        SELECT string_agg(DISTINCT coalesce(qual, with_check), ' or ') FROM pg_policies p
        WHERE p.tablename = relname AND pg_get_userbyid(grantee) = ANY (p.roles)), 'false') AS rights
    FROM rights WHERE grantee <> 'cerniq_app'::regrole AND grantee <> (SELECT relowner FROM pg_class WHERE relname = 'jobs')
    GROUP BY grantee, relname ORDER BY 1, 2`);
  const found: typeof ACROSS = {};
  for (const { role, name, rights } of rows) found[role] = { ...found[role], [name]: rights };
  expect(found).toEqual(ACROSS);
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
