import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { ChunkFunction } from "./enrichment/define-chunk-function.ts";
import { loadPlan } from "./enrichment/load-plan.ts";
import { enrichmentPlan } from "./registry.ts";

const field = (id: string) => async () => ({
  it: { kind: "field", id, concurrency: 1, retries: 0, work: async () => ({}) } satisfies ChunkFunction & {
    kind: string;
  },
});

describe("the plan", () => {
  it("has a line for every file in fields/", () => {
    const files = readdirSync(new URL("./enrichment/fields/", import.meta.url)).map((file) =>
      file.replace(/\.ts$/, ""),
    );
    expect(enrichmentPlan.functions.map(({ id }) => id).sort()).toEqual(files.sort());
  });

  it("has ids that never change: running work is found by them", () => {
    expect(enrichmentPlan.functions.map(({ id }) => id)).toMatchInlineSnapshot(`
      [
        "cui-validation",
        "fiscal-status",
        "company-registry",
        "farmer-registry",
        "land-improvement",
        "financials-bulk",
        "financials",
        "legal-data",
        "web-discovery",
        "web-content",
        "tech-detection",
        "email-discovery",
        "email-verification",
        "phone-validation",
        "merge",
        "quality-score",
      ]
    `);
  });

  it("refuses a line whose file has no such field", async () => {
    const plan = loadPlan({ phone: { required: false, freshForDays: 1 } }, [], field("fax"));
    await expect(plan).rejects.toThrow(
      'The plan names "phone", but fields/phone.ts exports no field of that id.',
    );
  });

  it("refuses a need that is no field, and fields that need each other", async () => {
    const line = (needs: string[]) => ({ required: true, needs, freshForDays: 1 });
    const load = (id: string) => field(id)();
    await expect(loadPlan({ a: line(["b"]) }, [], load)).rejects.toThrow(
      '"a" needs "b", which is no field or stage of it',
    );
    await expect(loadPlan({ a: line(["b"]), b: line(["a"]) }, [], load)).rejects.toThrow("need each other");
  });
});
