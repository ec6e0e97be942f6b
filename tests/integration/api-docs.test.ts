/** The documentation page, in a real browser where the machine has one. */
import { existsSync } from "node:fs";
import puppeteer, { type Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listen, startApi, type TestApi } from "#tests/support/api.ts";

const BROWSERS = [
  process.env.CHROMIUM_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const executablePath = BROWSERS.find((path) => path && existsSync(path));

let api: TestApi;
let site: Awaited<ReturnType<typeof listen>>;

beforeAll(async () => {
  api = await startApi();
  site = await listen(api.app);
});
afterAll(async () => {
  await site.close();
  await api.stop();
});

interface Operation {
  operationId: string;
  "x-role": string;
  parameters: { name: string; in: string; schema: { maximum?: number } }[];
  responses: Record<
    string,
    { content: Record<string, { schema: { properties: { data: { type?: string } } } }> }
  >;
}

/** Lists of what there is of a kind, which do not grow with use. */
const WHOLE_LISTS = [
  ...["/budgets", "/credentials", "/operations/functions", "/privacy/legal-bases", "/providers"],
  ...["/webhook-event-types", "/webhook-sources"],
];
const documented = async () => {
  const answer = await fetch(`${site.url}/api/v1/openapi.json`);
  return (await answer.json()) as { openapi: string; paths: Record<string, Record<string, Operation>> };
};

describe("the OpenAPI document", () => {
  it("names every operation once, with every parameter of its path", async () => {
    const { openapi, paths } = await documented();
    expect(openapi).toBe("3.1.0");
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.values(methods).map((operation) => ({ path, ...operation })),
    );
    expect(operations.length).toBeGreaterThan(20);
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, parameters } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(parameters.filter((each) => each.in === "path").map(({ name }) => name)).toEqual(inPath);
    }
  });
});

describe("every route", () => {
  it("that lists what can grow does so page by page, 200 at most", async () => {
    const { paths } = await documented();
    const whole = Object.entries(paths).flatMap(([path, { get }]) => {
      const isList =
        get?.responses[200]?.content["application/json"]?.schema.properties.data.type === "array";
      const limit = get?.parameters.find(({ name }) => name === "limit")?.schema.maximum ?? 0;
      const hasCursor = get?.parameters.some(({ name }) => name === "cursor") ?? false;
      return isList && !(hasCursor && limit <= 200) ? [path.replace("/api/v1", "")] : [];
    });
    expect(whole.toSorted()).toEqual(WHOLE_LISTS.toSorted());
  });

  it("that makes something for somebody takes an Idempotency-Key", async () => {
    const { paths } = await documented();
    for (const [path, { post }] of Object.entries(paths)) {
      const makes =
        post && ("201" in post.responses || "202" in post.responses) && post["x-role"] !== "public";
      const takes = post?.parameters.some(({ name }) => name === "Idempotency-Key") ?? false;
      expect(takes, path).toBe(makes ?? false);
    }
  });
});

describe.skipIf(!executablePath)("the documentation page, in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await puppeteer.launch({ executablePath: executablePath as string, args: ["--no-sandbox"] });
  });
  afterAll(() => browser?.close());

  it("lists every operation and tries one, with nothing from elsewhere and nothing against its policy", async () => {
    const page = await browser.newPage();
    const complaints: string[] = [];
    const asked: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(`${site.url}/api/v1/docs`);
    await page.waitForSelector(".opblock", { timeout: 20_000 });
    const { paths } = await documented();
    const operations = Object.values(paths).flatMap((methods) => Object.keys(methods));
    expect(await page.$$eval(".opblock", (blocks) => blocks.length)).toBe(operations.length);
    expect(complaints).toEqual([]);

    await page.click("#operations-jobs-getJobsId .opblock-summary-control");
    await page.waitForSelector("#operations-jobs-getJobsId .try-out__btn");
    await page.click("#operations-jobs-getJobsId .try-out__btn");
    await page.type("#operations-jobs-getJobsId input", "00000000-0000-7000-8000-000000000000");
    await page.click("#operations-jobs-getJobsId .execute");
    await page.waitForSelector("#operations-jobs-getJobsId .live-responses-table .response");
    const shown = await page.$eval(
      "#operations-jobs-getJobsId .live-responses-table",
      (table) => table.textContent,
    );
    expect(shown).toContain("401");

    const elsewhere = asked.filter((url) => !url.startsWith(site.url) && !url.startsWith("data:"));
    expect(elsewhere).toEqual([]);
    await page.close();
  });
});
