import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SIGNING_KEY } from "./support/engine-process.ts";
import { createWorld, until, type World } from "./support/world.ts";

const HOSTILE = `<script>alert("x")</script>`;

describe.skipIf(Boolean(process.env.INNGEST_BASE_URL))("the engine's page", () => {
  let world: World;
  let cookie = "";
  let slug = "";

  beforeAll(async () => {
    world = await createWorld((client, name) => [
      client.createFunction(
        { id: "shown", retries: 1, triggers: [{ event: name("shown") }] },
        async ({ step, event, attempt }) => {
          await step.run(`greet ${HOSTILE}`, () => ({ text: event.data.text }));
          await step.run("once", () => {
            if (attempt === 0) throw new Error(`bad luck ${HOSTILE}`);
            return 1;
          });
          return "fin";
        },
      ),
      client.createFunction({ id: "sleepy", triggers: [{ event: name("sleepy") }] }, async ({ step }) => {
        await step.sleep("long", "1h");
      }),
    ]);
    slug = `${world.name("").slice(0, -1)}-shown`;
  });
  afterAll(() => world?.close());

  const get = async (path: string, headers: Record<string, string> = { cookie }) => {
    const answer = await fetch(new URL(path, world.baseUrl), { headers, redirect: "manual" });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  const post = async (
    path: string,
    form: Record<string, string> = {},
    headers: Record<string, string> = {},
  ) => {
    const answer = await fetch(new URL(path, world.baseUrl), {
      method: "POST",
      headers: { origin: new URL(world.baseUrl).origin, cookie, ...headers },
      body: new URLSearchParams(form),
      redirect: "manual",
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };

  test("without a session every path leads to the sign-in, and changes nothing", async () => {
    for (const path of ["/", "/runs/01AAAAAAAAAAAAAAAAAAAAAAAA"]) {
      const answer = await get(path, {});
      expect([answer.status, answer.headers.get("location")]).toEqual([303, "/sign-in"]);
    }
    expect((await post(`/functions/${slug}/pause`)).headers.get("location")).toBe("/sign-in");
    expect((await get("/", { cookie: "engine_session=9999999999999.forged" })).status).toBe(303);
  });

  test("the signing key opens it, by a cookie that scripts and other sites cannot use", async () => {
    expect((await post("/sign-in", { key: "wrong" })).status).toBe(401);
    const answer = await post("/sign-in", { key: SIGNING_KEY });
    expect(answer.status).toBe(303);
    const set = answer.headers.get("set-cookie") ?? "";
    expect(set).toMatch(/HttpOnly/);
    expect(set).toMatch(/SameSite=Strict/);
    expect(set).not.toContain(SIGNING_KEY);
    cookie = set.split(";")[0] ?? "";
    expect((await get("/")).status).toBe(200);
  });

  test("a run's page shows steps, attempts, input, output and errors, all escaped", async () => {
    const [run] = await world.ended(await world.send("shown", { text: HOSTILE }));
    const { text, headers } = await get(`/runs/${run?.run_id}`);
    expect(text).toContain("once");
    expect(text).toContain("2 attempts");
    expect(text).toContain("attempt 1 failed");
    expect(text).toContain("bad luck");
    expect(text).toContain("&quot;fin&quot;");
    expect(text).not.toContain(HOSTILE);
    expect(text).toContain("&lt;script&gt;");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  });

  test("the list is filtered by function, status and time, and finds ids", async () => {
    const eventId = await world.send("shown", {});
    const [run] = await world.ended(eventId);
    const listed = async (query: string) => (await get(`/?${query}`)).text.includes(`/runs/${run?.run_id}`);
    expect(await listed(`function=${slug}&status=Completed`)).toBe(true);
    expect(await listed(`function=${slug}&status=Failed`)).toBe(false);
    expect(await listed("to=2020-01-01T00:00")).toBe(false);
    expect(await listed("from=2020-01-01T00:00")).toBe(true);
    for (const id of [run?.run_id, eventId])
      expect((await get(`/?search=${id}`)).headers.get("location")).toBe(`/runs/${run?.run_id}`);
    expect((await get("/?search=nothing")).status).toBe(404);
    expect((await get("/?from=nonsense&status=x&before='")).status).toBe(200);
  });

  test("rerun, rerun from a step, cancel, pause and resume work by forms", async () => {
    const eventId = await world.send("shown", {});
    const [run] = await world.ended(eventId);
    expect((await post(`/runs/${run?.run_id}/rerun`)).headers.get("location")).toMatch(/^\/runs\/0/);
    const steps = [...(await get(`/runs/${run?.run_id}`)).text.matchAll(/name="fromStep" value="(\w+)"/g)];
    expect(steps).toHaveLength(2);
    expect((await post(`/runs/${run?.run_id}/rerun`, { fromStep: steps[1]?.[1] ?? "" })).status).toBe(303);
    await world.ended(eventId, 3);

    const sleeping = await world.send("sleepy");
    const id = await until(
      async () => (await get(`/?search=${sleeping}`)).headers.get("location"),
      10_000,
      () => "the sleeping run",
    );
    await post(`${id}/cancel`);
    expect(await world.ended(sleeping)).toMatchObject([{ status: "Cancelled" }]);

    await post(`/functions/${slug}/pause`);
    expect((await get("/")).text).toContain("paused");
    await post(`/functions/${slug}/resume`);
    expect((await get("/")).text).not.toContain("paused");
  });

  test("many runs are cancelled by one form, which says how many before it is sent", async () => {
    const events = [await world.send("sleepy"), await world.send("sleepy"), await world.send("sleepy")];
    const query = `/?function=${slug.replace("shown", "sleepy")}&status=Running`;
    const form = await until(
      async () =>
        (await get(query)).text.match(/<form[^>]*action="\/bulk">.*?Cancel 3 running runs/s)?.[0] ?? null,
      10_000,
      () => "the form that cancels three runs",
    );
    const inputs = [...form.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [
      name,
      value,
    ]);
    for (let click = 0; click < 2; click++)
      expect((await post("/bulk", Object.fromEntries(inputs))).status).toBe(303);
    for (const event of events) expect(await world.ended(event)).toMatchObject([{ status: "Cancelled" }]);
    expect((await get("/")).text.match(/3 of 3/g)).toHaveLength(1);
    expect((await get(query)).text).toContain("0 running runs in all");
  });

  test("a form of another site is refused, even with the cookie", async () => {
    const answer = await post(`/functions/${slug}/pause`, {}, { origin: "https://evil.example" });
    expect(answer.status).toBe(403);
    expect((await get("/")).text).not.toContain("<strong>paused");
  });

  test("signing out ends the session of the browser", async () => {
    const answer = await post("/sign-out");
    expect(answer.headers.get("set-cookie")).toMatch(/engine_session=;.*Max-Age=0/);
  });
});
