import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ONRC_HEADER } from "#src/domain/registry/csv-header.ts";
import { parseCui } from "#src/domain/registry/cui.ts";
import { type SampleRegistry, writeSampleRegistry } from "./sample-registry.ts";

let folder: string;
let sample: SampleRegistry;
let lines: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sample-"));
  sample = await writeSampleRegistry({ dir: join(folder, "a"), rows: 20_000, seed: 1 });
  lines = (await readFile(sample.file, "utf8")).split("\r\n");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the sample registry", () => {
  it("is the same for the same seed, and another for another", async () => {
    const read = async (seed: number) =>
      readFile((await writeSampleRegistry({ dir: join(folder, "b"), rows: 200, seed })).file);
    const first = await read(5);
    expect(await read(5)).toEqual(first);
    expect(await read(6)).not.toEqual(first);
  });

  it("has the register's format: byte order mark, carets, CRLF, 20 columns", () => {
    expect(lines[0]).toBe(`\ufeff${ONRC_HEADER.join("^")}`);
    expect(lines.at(-1)).toBe("");
    expect(lines.length - 2).toBe(sample.expected.rows);
    const whole = lines.slice(1, -1).filter((line) => line.split("^").length === 20);
    expect(sample.expected.rows - whole.length).toBe(sample.expected.rejectedBy.wrong_column_count);
  });

  it("brings as many companies as asked for, each with a tax id of its own", () => {
    const cuis = lines.slice(1).map((line) => parseCui(line.split("^")[1] ?? ""));
    const valid = cuis.flatMap((cui) => (cui.ok ? [cui.cui] : []));
    expect(new Set(valid).size).toBeGreaterThanOrEqual(20_000);
    expect(Math.min(...valid)).toBeGreaterThan(99_999);
    expect(Math.max(...valid)).toBeLessThan(100_000_000);
    expect(sample.expected).toMatchObject({ imported: 20_000, rows: expect.any(Number) });
    const { rows, imported, duplicates, rejected, rejectedBy } = sample.expected;
    expect(rows).toBe(imported + duplicates + rejected);
    expect(Object.values(rejectedBy).reduce((sum, count) => sum + count)).toBe(rejected);
  });

  it("has the real one's irregularities", () => {
    const names = lines.map((line) => line.split("^")[0] as string);
    const odd = (name: string) => (name.split('"').length - 1) % 2 === 1;
    expect(names.some(odd)).toBe(true);
    expect(lines.some((line) => /[şţ]/.test(line)) && lines.some((line) => /[șț]/.test(line))).toBe(true);
    expect(
      lines.some((line) => /\^F\d+\/\d+\/\d{4}\^/.test(line)) &&
        lines.some((line) => /\^J\d{13}\^/.test(line)),
    ).toBe(true);
    expect(lines.some((line) => /CNP \d{13}/.test(line))).toBe(true);
    const websites = lines.filter((line) => line.includes("www.")).length;
    expect(websites).toBeGreaterThan(20);
    expect(websites).toBeLessThan(100);
  });

  it("gives every company agricultural activities of both revisions", async () => {
    const rows = (await readFile(sample.activitiesFile, "utf8")).split("\r\n").slice(1, -1);
    const farming = rows.filter((row) => row.split("^")[1]?.startsWith("01"));
    expect(farming.length / rows.length).toBeGreaterThan(0.9);
    expect(new Set(rows.map((row) => row.split("^")[2]))).toEqual(new Set(["2", "3"]));
    expect(new Set(rows.map((row) => row.split("^")[0])).size).toBe(20_000);
  });
});
