/**
 * A workspace sees and changes nothing of another one, table by table, beneath the code. Tables, rights and foreign keys
 * are read from the catalogue, so that whatever is new takes part, or fails until it is listed here with its reason.
 * Route by route: tenant-isolation-api.test.ts. Webhooks that come in with the secret of another workspace:
 * webhooks-in-attacks.test.ts.
 */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import {
  type ForeignKey,
  insert,
  makeTenant,
  ofTenant,
  type Row,
  readTables,
  rowsOf,
  type Table,
  type Tenant,
} from "#tests/support/tenants.ts";

let database: TestDatabase;
let owner: pg.Client;
let tables: Table[];
let mine: Tenant;
let theirs: Tenant;

beforeAll(async () => {
  database = await createTestDatabase();
  owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
  tables = await readTables(owner);
  mine = await makeTenant(owner, tables, 1);
  theirs = await makeTenant(owner, tables, 2);
});
afterAll(async () => {
  await owner.end();
  await database.drop();
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

  it("sees nothing at all once it is in no workspace", async () => {
    const readable = await columnsFor("SELECT");
    const seen = await outcomes(({ name }) =>
      attempt(async () => {
        await owner.query("SET LOCAL app.workspace_id = ''");
        return owner.query(`SELECT ${readable.get(name) ?? "*"} FROM ${name}`);
      }),
    );
    expect(seen).toEqual(expected(({ name }) => (readable.has(name) ? "0 rows" : DENIED)));
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
        const name = `${table.name}.${columns}`;
        if (!may(insertable)) {
          expect([name, may(updatable)]).toEqual([name, false]);
          continue;
        }
        const pointTo = (tenant: Tenant) => {
          const row = only(insertable.get(table.name), pointing(table, key, tenant));
          return attempt(
            () => insert(owner, table.name, row),
            () => makeRoom(table, key),
          );
        };
        if (key.parent !== table.name) expect([name, await pointTo(mine)]).toEqual([name, "1 rows"]);
        const outcome = await pointTo(theirs);
        if (outcome === "1 rows") accepted.push(name);
        else expect([name, outcome]).toEqual([name, FOREIGN_KEY_VIOLATION]);
      }
    }
    expect(accepted).toEqual(Object.keys(HARMLESS));
  });

  /** My row, as it would be if it pointed to what a tenant has. */
  function pointing({ name }: Table, key: ForeignKey, tenant: Tenant): Row {
    const row = { ...mine.rows.get(name) };
    const parent = tenant.rows.get(key.parent) as Row;
    key.columns.forEach((column, at) => {
      if (column !== "workspace_id") row[column] = parent[key.parentColumns[at] as string];
    });
    // Only what ends a reservation names one.
    const ending = { kind: "refund", reserved_micros: -1 };
    return key.name === "credit_entries_reservation_fkey" ? { ...row, ...ending } : row;
  }

  /** Removes my row, and theirs where it is not what is pointed to, so that no unique key is in the way. */
  async function makeRoom(table: Table, { parent }: ForeignKey): Promise<void> {
    await owner.query("SET LOCAL session_replication_role = replica");
    for (const tenant of parent === table.name ? [mine] : [mine, theirs])
      await owner.query(`DELETE FROM ${table.name} WHERE ${ofTenant(table, tenant)}`);
    await owner.query("SET LOCAL session_replication_role = origin");
  }

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
