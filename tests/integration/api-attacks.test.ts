/** Attacks on the API, one by one. SSRF: src/platform/safe-fetch.test.ts; workbooks: workbook-rows.test.ts. */
import { readdir } from "node:fs/promises";
import { sql } from "drizzle-orm";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { inWorkspace } from "#db/client.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { startApi, type TestApi } from "#tests/support/api.ts";
import { eventually } from "#tests/support/eventually.ts";
import { seedEnriched } from "#tests/support/merges.ts";
import { fitting, type Operation, type Schema } from "#tests/support/odd-requests.ts";
import { cuiOf } from "#tests/support/registry-files.ts";
import { asService } from "#tests/support/secret-keys.ts";
import { workbookOf } from "#tests/support/zip.ts";

const api: TestApi = await startApi({
  env: { ANAF_BASE_URL: "http://127.0.0.1:9", ANAF_BILANT_BASE_URL: "http://127.0.0.1:9" },
});
const document = (await (await api.app.request("/api/v1/openapi.json")).json()) as {
  paths: Record<string, Record<string, Operation>>;
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ ...operation, method, path })),
);
const bodyOf = ({ requestBody }: Operation) => requestBody?.content["application/json"]?.schema;
let prospects: string[];

beforeAll(async () => {
  ({ ids: prospects } = await seedEnriched(
    api.deps.db,
    3,
    [0, 1, 2].map((n) => ({ n, field: "web-discovery", value: { domain: `a${n}.ro` } })),
    { workspaceId: DEFAULT_WORKSPACE_ID },
  ));
});
afterAll(() => api.stop());

/** As the owner of the default workspace. */
const request = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  api.request(method, path, {
    ...(body === undefined ? {} : { body }),
    headers: { ...asService, ...headers },
  });
const beneathApi = (path: string) => path.replace(/^\/api\/v1/, "");

/** Every string that a value holds, replaced; names, words of a list and ids stay, so that the request gets far. */
function withText(value: unknown, schema: Schema | undefined, text: string): unknown {
  if (Array.isArray(value)) return value.map((item) => withText(item, schema?.items, text));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, withText(item, schema?.properties?.[name], text)]),
    );
  }
  const isFree = schema?.type === "string" && !schema.enum && !schema.format && !schema.pattern;
  return typeof value === "string" && isFree ? text.slice(0, schema.maxLength ?? text.length) : value;
}
const example = (schema: Schema, text: string) =>
  withText(
    fc.sample(fitting(schema, [DEFAULT_WORKSPACE_ID, ...prospects]), { numRuns: 1, seed: 1 })[0],
    schema,
    text,
  );

/** Sends a text in every free parameter and body of every route. */
async function sendEverywhere(text: string): Promise<{ told: string; status: number; body: string }[]> {
  const answers = [];
  for (const operation of operations) {
    const { method, parameters } = operation;
    const schema = bodyOf(operation);
    const path = beneathApi(operation.path).replace(/\{(\w+)\}/g, (_, name: string) =>
      parameters.find((each) => each.name === name)?.schema.format === "uuid"
        ? (prospects[0] as string)
        : encodeURIComponent(text),
    );
    const inQuery = parameters.filter((each) => each.in === "query");
    const queries = inQuery.filter(({ schema: { type, enum: words } }) => type === "string" && !words);
    for (const name of [null, ...queries.map((each) => each.name)]) {
      const needed = inQuery.filter(({ required }) => required);
      const query = new URLSearchParams(
        needed.map(({ name, schema }): [string, string] => [name, String(example(schema, text))]),
      );
      if (name) query.set(name, text);
      const body = schema && method !== "get" ? example(schema, text) : undefined;
      const answer = await request(method.toUpperCase(), `${path}?${query}`, body);
      answers.push({
        told: `${method} ${path} ${name ?? ""}`,
        status: answer.status,
        body: JSON.stringify(answer.body),
      });
    }
  }
  return answers;
}

describe("SQL injection", () => {
  const state = () =>
    inWorkspace(api.deps.db, DEFAULT_WORKSPACE_ID, async (tx) => {
      const { rows } = await tx.execute(sql`
        SELECT (SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relkind = 'r') AS tables,
               (SELECT string_agg(id || name, ',' ORDER BY id) FROM prospects) AS prospects`);
      return rows[0];
    });

  it.each([
    "'; DROP TABLE prospects; --",
    "' OR '1'='1",
    "1) OR (1=1",
    "' UNION SELECT version()::text --",
    "\\'; SELECT pg_sleep(10); --",
    "$1::text; DELETE FROM jobs",
  ])("%s in every text of every route does nothing, and says nothing of the database", async (text) => {
    const before = await state();
    const answers = await sendEverywhere(text);
    expect(answers.filter(({ status }) => status < 300).length).toBeGreaterThan(30);
    for (const { told, status, body } of answers) {
      expect(status, told).toBeLessThan(500);
      expect(body, told).not.toMatch(/PostgreSQL \d|syntax error|relation "|pg_catalog/);
    }
    expect(await state()).toEqual(before);
  });

  it("finds what it says, not all that there is", async () => {
    const all = await request("GET", "/prospects");
    expect(all.body.data).toHaveLength(3);
    const county = encodeURIComponent("' OR '1'='1");
    expect((await request("GET", `/prospects?county=${county}`)).body.data).toEqual([]);
    expect((await request("GET", `/dead-letters?field=${county}`)).body.data).toEqual([]);
  });
});

describe("script in a text", () => {
  const SCRIPT = "<script>alert(document.domain)</script>";

  it("is data in every answer: JSON that no browser takes for a page, and that could load nothing", async () => {
    await sendEverywhere(SCRIPT);
    for (const path of ["/workspaces", "/api-keys", "/merges", `/nothing/${encodeURIComponent(SCRIPT)}`]) {
      const { headers } = await request("GET", path);
      expect(headers.get("content-type")).toMatch(/^application\/json/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });

  it("does not come back on the page that we serve", async () => {
    const page = await api.app.request(`/api/v1/docs?url=${encodeURIComponent(SCRIPT)}&x=${SCRIPT}`);
    expect(await page.text()).not.toContain("alert(");
    const policy = page.headers.get("content-security-policy");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  });
});

describe("formulas in cells", () => {
  it("are kept as the text that they are, and no route writes a file that a spreadsheet would open", async () => {
    const names = ["=HYPERLINK(0)", "+1+1", "-2+3", "@SUM(A1)"];
    const rows = names.map((name, n) => `${cuiOf(n + 500)},${name}`);
    const form = new FormData();
    form.set("file", new File([`cui,nume\n${rows.join("\n")}\n`], "=cmd.csv"));
    const answer = await api.app.request("/api/v1/imports", {
      method: "POST",
      body: form,
      headers: asService,
    });
    expect(answer.status).toBe(202);
    expect(((await answer.json()) as { data: object }).data).toMatchObject({ fileName: "=cmd.csv" });
    // Whoever adds one has to write formulas as text (OWASP, "CSV Injection"), and to show it here.
    const types = operations.flatMap(({ responses }) =>
      Object.values(responses).flatMap(({ content }) => Object.keys(content)),
    );
    expect([...new Set(types)]).toEqual(["application/json"]);
  });
});

describe("mass assignment", () => {
  const bodies = operations.flatMap((operation) => {
    const schema = bodyOf(operation);
    return schema ? [{ ...operation, schema }] : [];
  });

  /** Objects, at any depth, that would take a field which they do not name. */
  function open(schema: Schema, at: string): string[] {
    const { properties, items, anyOf, oneOf, additionalProperties, type } = schema;
    const inner = [
      ...Object.entries(properties ?? {}).flatMap(([name, part]) => open(part, `${at}.${name}`)),
      ...[...(anyOf ?? []), ...(oneOf ?? [])].flatMap((part) => open(part, at)),
      ...(items ? open(items, `${at}[]`) : []),
    ];
    const isOpen = type === "object" && properties && additionalProperties !== false;
    return isOpen ? [at, ...inner] : inner;
  }

  it.each(bodies)("$method $path takes no field that it does not name", async ({ method, path, schema }) => {
    expect(open(schema, "body")).toEqual([]);
    const to = beneathApi(path).replace(/\{\w+\}/g, prospects[0] as string);
    const good = example(schema, "some text") as object;
    for (const more of [{ workspaceId: prospects[0] }, { role: "owner" }, { isAdmin: true }]) {
      if (Object.keys(more).some((name) => name in (schema.properties ?? {}))) continue;
      const { status } = await request(method.toUpperCase(), to, { ...good, ...more });
      expect([404, 422]).toContain(status);
    }
  });

  it("reaches no prototype", async () => {
    const body = '{"keepId":"x","__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}';
    const answer = await api.app.request("/api/v1/merges", { method: "POST", body, headers: asService });
    expect(answer.status).toBe(422);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});

describe("paths that lead elsewhere", () => {
  it.each(["../../../../tmp/evil.csv", "..\\..\\evil.csv", "/etc/cron.d/evil.csv", "....//evil.csv"])(
    "the upload %s lies where uploads lie, under a name of ours",
    async (name) => {
      const form = new FormData();
      form.set("file", new File([`cui,nume\n${cuiOf(900)},X\n`], name));
      const answer = await api.app.request("/api/v1/imports", {
        method: "POST",
        body: form,
        headers: asService,
      });
      expect(answer.status).toBe(202);
      const { data } = (await answer.json()) as { data: { fileName: string } };
      expect(data.fileName).toBe("evil.csv");
      const files = await readdir(api.deps.config.UPLOAD_DIR, { recursive: true });
      for (const file of files) expect(file).toMatch(/^[0-9a-f-]{36}\.file\.upload$/);
    },
  );

  it.each([
    "/jobs/..%2f..%2fetc%2fpasswd",
    "/jobs/%2e%2e%2fprospects",
    "/imports/....%2f%2f/rejected",
    "/docs/..%2f..%2fpackage.json",
    "/docs/%2e%2e/%2e%2e/package.json",
    "/docs/swagger-ui-bundle.js%00.txt",
  ])("%s is nothing", async (path) => {
    expect((await request("GET", path)).status).toBe(404);
  });
});

describe("bombs", () => {
  it("of nested JSON are refused by every route that takes JSON, before anything is built of them", async () => {
    for (const { method, path } of operations.filter(bodyOf)) {
      const answer = await api.app.request(path.replace(/\{\w+\}/g, prospects[0] as string), {
        method: method.toUpperCase(),
        headers: asService,
        body: `${'{"a":['.repeat(50_000)}`,
      });
      expect([404, 400], path).toContain(answer.status);
    }
  });

  it("of compressed JSON are not unpacked", async () => {
    const headers = { ...asService, "content-encoding": "gzip" };
    const answer = await api.app.request("/api/v1/jobs", { method: "POST", headers, body: "x" });
    expect(answer.status).toBe(415);
  });

  it("of a workbook are refused in one sentence, and the register that is in use stays", async () => {
    const bomb = workbookOf("", { claimedBytes: 2 ** 32 - 1 });
    expect(bomb.length).toBeLessThan(2_000);
    const answer = await api.app.request("/api/v1/reference/farm-payments?year=2025", {
      method: "PUT",
      headers: asService,
      body: new Uint8Array(bomb),
    });
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    expect([answer.status, error.code]).toEqual([422, "workbook_too_large"]);
    expect(error.message).toMatch(/^The workbook [^.]*\.$/);
    expect((await request("GET", "/reference")).body.data).toEqual([]);
    await eventually(async () =>
      expect(
        (await readdir(api.deps.config.UPLOAD_DIR)).filter((file) => file.includes("reference")),
      ).toEqual([]),
    );
  });
});

describe("headers", () => {
  beforeEach(async () => {
    await inWorkspace(api.deps.db, DEFAULT_WORKSPACE_ID, (tx) =>
      tx.execute(sql`DELETE FROM idempotency_keys`),
    );
  });

  it("of ours say nothing that the caller made up", async () => {
    const made = {
      "x-request-id": "forged",
      "x-forwarded-host": "evil.example",
      origin: "https://evil.example",
    };
    const { headers } = await request("GET", "/prospects", undefined, made);
    expect([...headers.entries()].flat().join("\n")).not.toMatch(/forged|evil/);
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("are not split by a file's name", async () => {
    const body =
      '--b\r\nContent-Disposition: form-data; name="file"; filename="a%0d%0aSet-Cookie: x=1;\u0085\u2028b.csv"\r\n\r\n' +
      `cui,nume\n${cuiOf(901)},X\n\r\n--b--\r\n`;
    const headers = {
      ...asService,
      "content-type": "multipart/form-data; boundary=b",
      "idempotency-key": "file",
    };
    const answer = await api.app.request("/api/v1/imports", { method: "POST", headers, body });
    expect(answer.status).toBe(202);
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(((await answer.json()) as { data: { fileName: string } }).data.fileName).not.toMatch(/\p{Cc}/u);
  });
});

describe("a page of another site", () => {
  const preflight = (app: TestApi["app"], origin: string) =>
    app.request("/api/v1/jobs", {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
      },
    });

  it("may not call the API", async () => {
    const { headers } = await preflight(api.app, "https://evil.example");
    expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  it("may where it is named, with a key of its own and no cookie", async () => {
    const named = await startApi({ env: { CORS_ORIGINS: "https://app.example" } });
    try {
      const { headers } = await preflight(named.app, "https://app.example");
      expect(headers.get("access-control-allow-origin")).toBe("https://app.example");
      expect(headers.get("access-control-allow-headers")).toContain("Authorization");
      expect(headers.get("access-control-allow-credentials")).toBeNull();
      const other = await preflight(named.app, "https://app.example.evil.example");
      expect(other.headers.get("access-control-allow-origin")).toBeNull();
      const read = await named.app.request("/api/v1/jobs", { headers: { origin: "https://app.example" } });
      expect(read.headers.get("access-control-expose-headers")).toContain("RateLimit-Remaining");
      expect(read.headers.get("vary")).toContain("Origin");
    } finally {
      await named.stop();
    }
  });
});
