import { readdir, readFile, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { serve } from "@hono/node-server";
import { sql } from "drizzle-orm";
import { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDb, type Db, inWorkspace } from "#db/client.ts";
import type { Deps } from "#src/deps.ts";
import { InvalidInputError } from "#src/domain/errors.ts";
import type { AppEnv } from "#src/http/envelope.ts";
import { errorHandler } from "#src/http/errors.ts";
import { mount } from "#src/http/mount.ts";
import { importEndpoints } from "#src/http/routes/imports.ts";
import { createLogger } from "#src/platform/logger.ts";
import { inspectUpload } from "#src/platform/registry-import/inspect-upload.ts";
import { loadImport } from "#src/platform/registry-import/load.ts";
import { receiveUpload } from "#src/platform/registry-import/receive-upload.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";
import { CNP, cuiOf, HEADER, makeFolder, onrcFile, onrcRow } from "#tests/support/registry-files.ts";
import { seedWorkspace } from "#tests/support/seed.ts";

let files: Awaited<ReturnType<typeof makeFolder>>;
beforeAll(async () => {
  files = await makeFolder();
});
afterAll(() => files?.remove());

describe("a file that is none is refused whole, in one sentence", () => {
  const row = onrcRow(1);
  const csv = `cui,nume\n${cuiOf(1)},UNU\n`;
  const refused: [string, Buffer | string, string, RegExp][] = [
    ["nothing", "", "empty_file", /empty/],
    ["a zip", Buffer.from("PK\u0003\u0004rest"), "zip_file", /ZIP/],
    ["a gzip", gzipSync(onrcFile([row])), "gzip_file", /gzip/],
    ["UTF-16 with its mark", Buffer.from(`\ufeff${HEADER}\r\n`, "utf16le"), "utf16_file", /UTF-16/],
    ["UTF-16 without", Buffer.from(`${HEADER}\r\n${row}\r\n`, "utf16le"), "utf16_file", /UTF-16/],
    [
      "UTF-16 the other way round",
      Buffer.from(`\ufeff${HEADER}\r\n`, "utf16le").swap16(),
      "utf16_file",
      /UTF-16/,
    ],
    ["an HTML page", "\n <!DOCTYPE html><html><body>Eroare</body></html>", "html_file", /HTML/],
    ["an XML answer", '<?xml version="1.0"?><Error/>', "html_file", /XML/],
    ["a PDF", "%PDF-1.7\n", "binary_file", /PDF/],
    ["binary data", Buffer.from([1, 0, 2, 0, 0, 0, 10, 3, 0]), "binary_file", /binary/],
    [
      "Windows-1250",
      Buffer.concat([
        Buffer.from(`${HEADER}\n`),
        Buffer.from(`${onrcRow(1, { ADR_JUDET: "Ialomi\u00fea" })}\n`.repeat(30), "latin1"),
      ]),
      "not_utf8",
      /UTF-8/,
    ],
    ["a file without header", `${row}\r\n${row}\r\n`, "no_header", /no header/],
    ["a CSV without header", `${cuiOf(1)},UNU\n`, "no_header", /no header/],
    ["a header without tax id", "denumire;judet\nA;B\n", "no_tax_id_column", /tax-id column/],
    [
      "the register's format without a name",
      `CUI^ADR_JUDET\n${cuiOf(1)}^Olt\n`,
      "no_name_column",
      /DENUMIRE/,
    ],
    ["tabs", `cui\tnume\n${cuiOf(1)}\tUNU\n`, "unknown_delimiter", /tabs/],
    ["lone CR as line ends", `cui,nume\r${cuiOf(1)},UNU\r`, "no_header", /CR/],
    ["an empty first line", `\n${csv}`, "no_header", /empty first line/],
    ["no line end at all", "x".repeat(100_000), "no_header", /no line end/],
    ["a header cut short", "DENUMIRE^CUI_", "cut_short", /cut short/],
    [
      "a last row cut short",
      `${HEADER}\r\n${row}\r\nA^14837428^J21/1/20`,
      "cut_short",
      /cut short.* 3 columns of 20/,
    ],
    ["a CSV cut short", `${csv}${cuiOf(2)}`, "cut_short", /cut short.* 1 column of 2/],
    ["a CSV cut within quotes", `${csv}${cuiOf(2)},"DO`, "cut_short", /quote .* never closed/],
  ];
  it.each(refused)("%s", async (_, content, code, sentence) => {
    const path = await files.write(content);
    const refusal = await inspectUpload({ file: { path, name: "export.csv" } }).catch(
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(InvalidInputError);
    expect(refusal).toMatchObject({ code, field: "file", message: expect.stringMatching(sentence) });
    expect((refusal as Error).message).toMatch(/^The file "export\.csv" .*\.$/s);
  });

  it.each([
    ["the register's file", onrcFile([onrcRow(1)]), "onrc"],
    ["one without a line end at its end", onrcFile([onrcRow(1)]).trimEnd(), "onrc"],
    ["a header alone", `${HEADER}\r\n`, "onrc"],
    ["commas", `cui,nume\n${cuiOf(1)},UNU`, "csv"],
    ["semicolons and quotes", `"Cod fiscal";"Nume"\r\n"${cuiOf(1)}";"A ""B"";\nC"`, "csv"],
    ["a stray quote in its middle", `cui,nume\n${cuiOf(1)},"UNU\n${cuiOf(2)},DOI\n`, "csv"],
    ["a broken byte or two", Buffer.from(`cui,nume\n${cuiOf(1)},\u00ff\n${cuiOf(2)},DOI\n`, "latin1"), "csv"],
  ])("but not %s", async (_, content, format) => {
    const path = await files.write(content);
    expect(await inspectUpload({ file: { path, name: "x" } })).toMatchObject({ format });
  });

  it("looks at the files beside it, and at what the filter needs", async () => {
    const file = { path: await files.write(onrcFile([onrcRow(1)])), name: "OD_FIRME.CSV" };
    const other = { path: await files.write(csv), name: "alt.csv" };
    const inspect = (more: object) => inspectUpload({ file, ...more }).catch((error: unknown) => error);
    expect(await inspect({ states: other })).toMatchObject({ code: "wrong_companion_file", field: "states" });
    expect(await inspect({ activities: file })).toMatchObject({
      code: "wrong_companion_file",
      field: "activities",
    });
    expect(await inspect({ filter: { caen: ["01"] } })).toMatchObject({
      code: "caen_filter_without_activities",
      field: "caen",
    });
    expect(await inspect({ file: other, filter: { counties: ["Olt"] } })).toMatchObject({
      code: "county_filter_without_county",
    });
  });
});

describe("POST /api/v1/imports", () => {
  let database: TestDatabase;
  let db: Db;
  let workspaceId: string;
  let app: Hono<AppEnv>;
  const uploads = () => `${files.folder}/uploads`;
  const kept = () => readdir(uploads()).catch(() => []);

  beforeAll(async () => {
    database = await createTestDatabase();
    db = createDb(database.url);
    app = new Hono<AppEnv>();
    app.onError(errorHandler(createLogger("silent")));
    app.use(async (c, next) => {
      c.set("workspaceId", workspaceId);
      c.set("requestId", "test");
      c.set("principal", { kind: "service", id: "test", workspaceId, role: "owner", scopes: null });
      await next();
    });
    const config = { UPLOAD_DIR: uploads(), MAX_UPLOAD_BYTES: 200_000 };
    mount(app, "/api/v1", importEndpoints({ db, config } as unknown as Deps), { checkAnswers: true });
  });
  afterAll(async () => {
    await db?.$client.end();
    await database?.drop();
  });
  beforeEach(async () => {
    await rm(uploads(), { recursive: true, force: true });
    workspaceId = await seedWorkspace(database.url);
  });

  interface Answer {
    success: boolean;
    data: { importId: string; jobId: string };
    error: { code: string } | null;
  }

  async function post(parts: Record<string, string | File>) {
    const body = new FormData();
    for (const [name, value] of Object.entries(parts)) body.set(name, value);
    const response = await app.request("/api/v1/imports", { method: "POST", body });
    return { status: response.status, body: (await response.json()) as Answer };
  }

  it("stores the file, writes import, job and event, and answers 202; the file goes once it is loaded", async () => {
    const content = onrcFile([onrcRow(1), onrcRow(2, { CUI: "0" }), onrcRow(3, { CUI: "x" })]);
    const { status, body } = await post({
      file: new File([content], `export ${CNP}.csv`),
      counties: "Ialomița, Olt",
    });
    expect(status).toBe(202);
    expect(body).toMatchObject({
      success: true,
      error: null,
      data: { fileName: "export [CNP].csv", format: "onrc" },
    });
    const { importId, jobId } = body.data;
    expect(await kept()).toHaveLength(1);
    expect(await readFile(`${uploads()}/${(await kept())[0]}`, "utf8")).toBe(content);
    const { rows } = await inWorkspace(db, workspaceId, (tx) =>
      tx.execute(sql`SELECT name, data FROM outbox`),
    );
    expect(rows).toEqual([
      { name: "import/file.uploaded", data: { workspaceId, importId, jobId, attempt: 1 } },
    ]);

    expect(await loadImport(db, { workspaceId, importId })).toMatchObject({
      rows: 3,
      imported: 1,
      rejected: 2,
    });
    expect(await kept()).toEqual([]);
    const shown = (await (await app.request(`/api/v1/imports/${importId}`)).json()) as Answer;
    expect(shown.data).toMatchObject({
      importId,
      jobId,
      status: "done",
      rows: 3,
      rejectedBy: { missing_tax_id: 1, invalid_tax_id: 1 },
    });
    expect(JSON.stringify(shown)).not.toContain("uploads");

    const first = await (await app.request(`/api/v1/imports/${importId}/rejected?limit=1`)).json();
    expect(first).toMatchObject({
      data: [{ lineNumber: 3, reason: "missing_tax_id", field: "tax_id" }],
      meta: { nextCursor: 3 },
    });
    const second = await (await app.request(`/api/v1/imports/${importId}/rejected?limit=1&cursor=3`)).json();
    expect(second).toMatchObject({ data: [{ lineNumber: 4 }], meta: { nextCursor: null } });
  });

  it.each([
    ["a file that is none", { file: new File(["PK\u0003\u0004"], "x.zip") }, "zip_file"],
    ["no file", { caen: "01" }, "missing_file"],
    [
      "a part that we do not know",
      { file: new File([`cui\n${cuiOf(1)}\n`], "x"), other: new File(["x"], "y") },
      "unexpected_part",
    ],
    [
      "a filter that is none",
      { file: new File([`cui,caen\n${cuiOf(1)},0111\n`], "x"), caen: "agro" },
      "invalid_caen",
    ],
    [
      "too many bytes",
      { file: new File([onrcFile([onrcRow(1)]), "x".repeat(200_000)], "x.csv") },
      "file_too_large",
    ],
  ])("refuses %s, and stores nothing", async (_, parts: Record<string, string | File>, code) => {
    const { status, body } = await post(parts);
    expect(status).toBe(422);
    expect(body).toMatchObject({ success: false, data: null, error: { code } });
    expect(await kept()).toEqual([]);
  });

  it("refuses what is no form upload", async () => {
    const response = await app.request("/api/v1/imports", {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    expect(await response.json()).toMatchObject({ error: { code: "not_multipart" } });
  });

  it("knows nothing of other workspaces' imports", async () => {
    const { body } = await post({ file: new File([`cui\n${cuiOf(1)}\n`], "x") });
    workspaceId = await seedWorkspace(database.url);
    expect((await app.request(`/api/v1/imports/${body.data.importId}`)).status).toBe(404);
    expect((await app.request("/api/v1/imports/no-id/rejected")).status).toBe(404);
  });

  it("leaves no file behind when the caller hangs up, and answers one whose upload is too large", async () => {
    const server = serve({ fetch: app.fetch, port: 0 });
    await eventually(() => expect(server.address()).not.toBeNull());
    const { port } = server.address() as AddressInfo;
    const start = (length: number) =>
      httpRequest({
        port,
        method: "POST",
        path: "/api/v1/imports",
        headers: { "content-type": "multipart/form-data; boundary=b", "content-length": length },
      });
    const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n';
    const hangsUp = start(1_000_000);
    hangsUp.on("error", () => {});
    hangsUp.write(head + onrcFile([onrcRow(1)]));
    await eventually(async () => expect(await kept()).toHaveLength(1));
    hangsUp.destroy();
    await eventually(async () => expect(await kept()).toEqual([]));

    const tooLarge = start(head.length + 3_000_000 + 7);
    const answer = new Promise<number | undefined>((resolve, reject) => {
      tooLarge.on("response", (response) => resolve(response.statusCode));
      tooLarge.on("error", reject);
    });
    tooLarge.end(`${head}${"x".repeat(3_000_000)}\r\n--b--`);
    expect(await answer).toBe(422);
    await eventually(async () => expect(await kept()).toEqual([]));
    server.close();
  });

  it("measures the file as it was sent", async () => {
    const content = `cui\n${cuiOf(1)}\n`;
    const body = `--b\r\nContent-Disposition: form-data; name="file"; filename="../../etc/x.csv"\r\n\r\n${content}\r\n--b--\r\n`;
    const received = await receiveUpload(
      { headers: { "content-type": "multipart/form-data; boundary=b" }, body: Readable.from([body]) },
      { uploadDir: uploads(), maxBytes: 1_000 },
    );
    expect(received.file).toMatchObject({
      name: "x.csv",
      sizeBytes: content.length,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(received.file.path.startsWith(uploads())).toBe(true);
  });
});
