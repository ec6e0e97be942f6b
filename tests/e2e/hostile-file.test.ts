import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { RefusedError } from "#infra/demo/api-client.ts";
import { ONRC_HEADER } from "#src/domain/registry/csv-header.ts";
import { cuiCheckDigit } from "#src/domain/registry/cui.ts";
import { type MainJob, startMainJob } from "#tests/support/main-job.ts";
import { removeFolders, withoutServiceUrls } from "#tests/support/stack-folders.ts";

/** An invented person's number with a right check digit, in the ways in which people write it. */
const CNP = "1800101221144";
const WRITTEN = [
  CNP,
  "1 800101 221144",
  "1800101-22-1144",
  "CNP1800101221144",
  "1.8.0.0.1.0.1.2.2.1.1.4.4",
  "１８００１０１２２１１４４",
];

let main: MainJob;
const file = () => join(main.dataDir, "OD_FIRME.CSV");

beforeAll(async () => {
  withoutServiceUrls();
  main = await startMainJob();
});
afterAll(async () => {
  await main?.stop();
  vi.unstubAllEnvs();
  await removeFolders();
});

let next = 100_000;
const newCui = () => `${next}${cuiCheckDigit(next++)}`;

/** A row with these columns; the others as an ordinary row has them. */
function row(columns: Record<string, string>): string {
  const usual: Record<string, string> = {
    DENUMIRE: "AGRO PROBA SRL",
    CUI: newCui(),
    COD_INMATRICULARE: `J21/${next}/2009`,
    FORMA_JURIDICA: "SRL",
    ADR_JUDET: "Ialomița",
  };
  return ONRC_HEADER.map((name) => columns[name] ?? usual[name] ?? "").join("^");
}

describe("a hostile file", () => {
  it("loses nothing, counts add up, good rows come through, and no personal number is kept anywhere", async () => {
    const texts = ONRC_HEADER.filter((name) => name !== "CUI");
    const good = [
      ...WRITTEN.flatMap((cnp) =>
        texts.map((name) => row({ [name]: `${name === "DENUMIRE" ? "II POPESCU " : ""}${cnp}` })),
      ),
      row({ DENUMIRE: `SC "GHILIMELE SRL` }),
      row({ DENUMIRE: "=cmd|' /C calc'!A0" }),
      row({ DENUMIRE: "'; DROP TABLE prospects; --" }),
      row({ DENUMIRE: "<script>alert(1)</script>" }),
      row({ DENUMIRE: "FERMA\u0000NUL" }),
      row({ WEB: `http://exemplu.ro/${CNP}?id=${CNP}` }),
    ];
    const bad = [
      row({ CUI: CNP }),
      row({ CUI: "RO 1 800 101 221 144" }),
      row({ CUI: "12345678" }),
      row({ CUI: "0" }),
      row({ CUI: "" }),
      row({ CUI: "abc" }),
      row({ DENUMIRE: "" }),
      "RUPT^DE",
      "TOT",
      `${row({})}^in plus`,
    ];
    const broken = Buffer.from(`${row({ DENUMIRE: "X_X" })}\r\n`.replace("X_X", "X\u00ffX"), "latin1");
    const rows = good.flatMap((line, index) => (bad[index] ? [line, bad[index]] : [line]));
    writeFileSync(
      file(),
      Buffer.concat([
        Buffer.from(`\uFEFF${ONRC_HEADER.join("^")}\r\n${rows.join("\r\n")}\r\n`),
        broken,
        Buffer.from(`${good[0]}\r\n`),
      ]),
    );
    const job = await main.finished(await main.upload(file()));
    const counts = job.import as NonNullable<typeof job.import>;
    expect(counts.rows).toBe(good.length + bad.length + 2);
    expect(counts.imported + counts.duplicates + counts.rejected).toBe(counts.rows);
    expect(counts.duplicates).toBe(1);
    expect(counts.rejected).toBeGreaterThanOrEqual(bad.length + 1);
    expect(counts.rejected).toBeLessThanOrEqual(bad.length + 2);
    expect(Object.values(counts.rejectedBy).reduce((sum, count) => sum + count)).toBe(counts.rejected);
    expect(job).toMatchObject({ status: "done", prospects: { failed: 0, total: counts.imported } });

    const rejected = await main.query<{ line_number: number; reason: string; field: string | null }>(
      "SELECT line_number, reason, field FROM rejected_rows ORDER BY line_number",
    );
    expect(rejected).toHaveLength(counts.rejected);
    expect(rejected.find(({ reason }) => reason === "personal_number")).toBeDefined();
    expect(new Set(rejected.map(({ line_number }) => line_number)).size).toBe(rejected.length);

    expect(await tablesThatHold(CNP)).toEqual([]);
    expect(filesThatHold(CNP)).toEqual([]);
  });

  it.each([
    ["a zip", Buffer.from("PK\u0003\u0004rest"), /zip/i],
    ["UTF-16", Buffer.from(`\uFEFF${ONRC_HEADER.join("^")}\r\n`, "utf16le"), /UTF-16/],
    ["an HTML page", Buffer.from("<!DOCTYPE html><html><body>Eroare</body></html>"), /HTML/],
    ["nothing", Buffer.alloc(0), /empty/i],
    ["a cut last line", Buffer.from(`${ONRC_HEADER.join("^")}\r\nA^14837428^J21/1/20`), /cut|last line|end/i],
  ])("refuses %s whole, in one sentence, before anything is stored", async (_, content, sentence) => {
    const count = async () =>
      (await main.query<{ n: number }>("SELECT count(*)::int AS n FROM imports"))[0]?.n;
    const before = await count();
    writeFileSync(file(), content);
    const refused = main.upload(file());
    await expect(refused).rejects.toThrow(RefusedError);
    await expect(refused).rejects.toThrow(sentence);
    expect(await count()).toBe(before);
    expect(readdirSync(main.stack.env.UPLOAD_DIR as string)).toEqual([]);
  });
});

/** Tables of both databases, ours and the engine's, in which the text stands, also with separators. */
async function tablesThatHold(digits: string): Promise<string[]> {
  const pattern = [...digits].join("[^0-9]{0,2}");
  const tables = await main.query<{ name: string }>(`
    SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`);
  const holding: string[] = [];
  for (const { name } of tables) {
    const found = await main.query(
      `SELECT 1 FROM ${name} t WHERE normalize(t::text, NFKC) ~ $1 AND t::text !~ '[JFC]${digits}' LIMIT 1`,
      [pattern],
    );
    if (found.length > 0) holding.push(name);
  }
  return holding;
}

/** Logs, uploads and whatever else the stack has written, but for the databases' own files. */
function filesThatHold(digits: string): string[] {
  const holds = (path: string) => readFileSync(path).includes(digits);
  return ["logs", "uploads"].flatMap((folder) =>
    readdirSync(join(main.dataDir, folder)).filter((name) => holds(join(main.dataDir, folder, name))),
  );
}
