import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { simulatedCompany } from "#infra/simulator/company.ts";
import { loadSimulatorConfig } from "#infra/simulator/config.ts";
import { type RunningSimulator, startSimulator } from "#infra/simulator/server.ts";
import { type SimulatedSite, simulatedSite } from "#infra/simulator/websites/site.ts";
import { companyEmail, contactsOf } from "#src/domain/web/contacts.ts";
import { ownershipOf } from "#src/domain/web/ownership.ts";
import { createSafeFetch, SafeFetchError } from "#src/platform/safe-fetch.ts";
import { createWebsiteClient, type WebsiteClientOptions } from "./client.ts";
import { createManners } from "./manners.ts";

let simulator: RunningSimulator;
beforeAll(async () => {
  simulator = await startSimulator(
    loadSimulatorConfig({ SIMULATOR_WEBSITES_LATENCY_MS: "0", SIMULATOR_WEBSITES_JITTER_MS: "0" }),
  );
});
afterAll(() => simulator.stop());

const sites: SimulatedSite[] = Array.from(
  { length: 4_000 },
  (_, index) => simulatedCompany(20_000_000 + index).domain,
).flatMap((domain) => simulatedSite(domain ?? "") ?? []);
/** A site of the simulated web; nothing odd about it but what is asked for. */
const siteThat = (is: Partial<SimulatedSite>): SimulatedSite =>
  sites.find((site) =>
    Object.entries({ kind: "plain", httpOnly: false, prefersWww: false, wrongCharset: false, ...is }).every(
      ([key, value]) => site[key as keyof SimulatedSite] === value,
    ),
  ) as SimulatedSite;

/** In a great hurry, as nobody should be towards real sites. */
const HURRIED = { limit: 100, periodMs: 100 };

function client(options: Partial<WebsiteClientOptions> = {}) {
  return createWebsiteClient({
    safeFetch: createSafeFetch({ simulatorUrl: `${simulator.url}/websites` }),
    manners: createManners(HURRIED),
    contactUrl: "https://cerniq.test/bot",
    ...options,
  });
}
const visit = (domain: string, options: Partial<WebsiteClientOptions> = {}) =>
  client(options).fetchPages(domain, { signal: AbortSignal.timeout(20_000) });

describe("a company's site", () => {
  it("is read: its home page, then its contact page, then what it says about itself", async () => {
    const { domain, cui } = siteThat({});
    const site = await visit(domain);
    expect(site).toMatchObject({ domain, state: "read", url: `https://${domain}/` });
    expect(site?.pages.map(({ url }) => new URL(url).pathname)).toEqual(["/", "/contact", "/despre-noi"]);
    expect(site?.pages[0]?.text).toMatch(/Bine ați venit la .* lucrăm \d+ ha/);
    const [email] = simulatedCompany(cui).genericEmails;
    expect(companyEmail(contactsOf(site?.pages ?? []).emails, domain)).toBe(email);
  });

  it("shows whose it is on most sites, however it writes it and whatever its letters", async () => {
    const sample = sites.filter(({ kind }) => kind === "plain").slice(0, 60);
    const proofs = await Promise.all(
      sample.map(async ({ cui, domain }) => {
        const site = await visit(domain);
        return ownershipOf({ cui, name: `FIRMA ${cui}` }, site?.pages ?? []).proof;
      }),
    );
    expect(proofs.filter((proof) => proof === "tax_id").length).toBeGreaterThan(35);
  });

  it("is found without https, and behind its www.", async () => {
    const plain = siteThat({ httpOnly: true });
    expect(await visit(plain.domain)).toMatchObject({ state: "read", url: `http://${plain.domain}/` });
    const www = siteThat({ prefersWww: true });
    expect(await visit(www.domain)).toMatchObject({ state: "read", url: `https://www.${www.domain}/` });
  });

  it("is read as it is written, whatever it says of its letters", async () => {
    const { domain } = siteThat({ wrongCharset: true });
    expect((await visit(domain))?.pages[0]?.text).toContain("Bine ați venit");
  });

  it.each([
    ["script_only", "needs_browser"],
    ["cookie_wall", "needs_browser"],
    ["blocks_robots", "blocked"],
    ["disallows_robots", "disallowed"],
    ["parked", "parked"],
    ["huge", "unreadable"],
    ["redirect_loop", "unreachable"],
  ] as const)("that is %s is %s, and none of it is kept", async (kind, state) => {
    const { domain } = siteThat({ kind, hasRobots: true });
    expect(await visit(domain)).toMatchObject({ domain, state, pages: [] });
  });

  it("that is gone is none", async () => {
    expect(await visit(siteThat({ kind: "dead" }).domain)).toBeNull();
    expect(await visit("never-was.example")).toBeNull();
  });

  it("whose robots.txt keeps us away sees no further request", async () => {
    const websites = simulator.providers.get("websites");
    websites?.forget();
    await visit(siteThat({ kind: "disallows_robots", hasRobots: true }).domain);
    expect(websites?.ledger()).toMatchObject({ calls: 1 });
    expect(websites?.ledger()).not.toHaveProperty("uninvited");
  });

  it("that answers with errors, breaks off or is slow is unreachable, and no error of ours", async () => {
    const websites = simulator.providers.get("websites");
    for (const trouble of [{ errorEvery: 1 }, { resetEvery: 1 }, { slowEvery: 1, slowMs: 5_000 }]) {
      websites?.configure(trouble);
      expect(await visit(siteThat({}).domain, { timeoutMs: 300 })).toMatchObject({ state: "unreachable" });
      websites?.configure({ errorEvery: 0, resetEvery: 0, slowEvery: 0 });
    }
  });
});

describe("what we send", () => {
  /** Answers by path; anything else is not there. */
  function scripted(pages: Record<string, string>) {
    const requests: { url: string; agent: string | undefined }[] = [];
    const safeFetch: WebsiteClientOptions["safeFetch"] = async (url, { beforeRequest, headers }) => {
      await beforeRequest?.(new URL(url));
      requests.push({ url, agent: headers?.["user-agent"] });
      const body = pages[url];
      if (body === undefined) throw new SafeFetchError("unresolvable");
      return { url, status: 200, headers: { "content-type": "text/html" }, body: Buffer.from(body) };
    };
    return { safeFetch, requests };
  }

  it("says who we are, and keeps to what robots.txt asks of us by name", async () => {
    const { safeFetch, requests } = scripted({
      "https://agro.ro/robots.txt": "User-agent: *\nDisallow: /\n\nUser-agent: Cerniq\nDisallow: /contact\n",
      "https://agro.ro/": `<p>${"Ferma noastră. ".repeat(30)}</p><a href=/contact>Contact</a><a href=/despre>Despre</a>`,
      "https://agro.ro/despre": "<p>Despre noi</p>",
    });
    const site = await visit("agro.ro", { safeFetch });
    expect(site?.state).toBe("read");
    expect(requests.map(({ url }) => url)).toEqual([
      "https://agro.ro/robots.txt",
      "https://agro.ro/",
      "https://agro.ro/despre",
    ]);
    expect(new Set(requests.map(({ agent }) => agent))).toEqual(
      new Set(["Mozilla/5.0 (compatible; Cerniq/0.1; +https://cerniq.test/bot)"]),
    );
  });

  it("is the home page only where the site wants long pauses", async () => {
    const { safeFetch, requests } = scripted({
      "https://agro.ro/robots.txt": "User-agent: *\nCrawl-delay: 60\n",
      "https://agro.ro/": `<p>${"Ferma noastră. ".repeat(30)}</p><a href=/contact>Contact</a>`,
    });
    expect((await visit("agro.ro", { safeFetch }))?.pages).toHaveLength(1);
    expect(requests).toHaveLength(2);
  });

  it("goes to a domain's new one, under that one's rules; not to its page on a network", async () => {
    const moving =
      (to: string): WebsiteClientOptions["safeFetch"] =>
      async (url, { beforeRequest }) => {
        await beforeRequest?.(new URL(url));
        if (url.startsWith("https://old.ro/")) await beforeRequest?.(new URL(url.replace("old.ro", to)));
        const body = url.endsWith("robots.txt") ? "User-agent: *\nDisallow: /" : "never";
        return { url, status: 200, headers: {}, body: Buffer.from(body) };
      };
    expect(await visit("old.ro", { safeFetch: moving("new.ro") })).toMatchObject({
      domain: "old.ro",
      state: "disallowed",
      url: "https://new.ro/",
    });
    expect(await visit("old.ro", { safeFetch: moving("www.facebook.com") })).toMatchObject({
      state: "unreadable",
    });
  });

  it("is nothing to a paused domain, also when another has led there", async () => {
    const asked: string[] = [];
    const safeFetch: WebsiteClientOptions["safeFetch"] = async (url, { beforeRequest }) => {
      await beforeRequest?.(new URL(url));
      asked.push(url);
      await beforeRequest?.(new URL(url.replace("old.ro", "new.ro")));
      throw new Error("it went on to the paused site");
    };
    const pausedDomains = new Set(["new.ro"]);
    const signal = AbortSignal.timeout(20_000);
    const site = await client({ safeFetch }).fetchPages("old.ro", { signal, pausedDomains });
    expect(site).toMatchObject({ domain: "old.ro", state: "unreachable" });
    expect(asked).toEqual(["https://old.ro/robots.txt"]);
  });

  it("is nothing to a domain that keeps failing", async () => {
    const manners = createManners(HURRIED);
    for (let failures = 0; failures < 5; failures++) manners.report("agro.ro", false);
    const { safeFetch, requests } = scripted({});
    expect(await visit("agro.ro", { safeFetch, manners })).toMatchObject({ state: "unreachable" });
    expect(requests).toEqual([]);
  });

  it("stops when nobody waits for it any more", async () => {
    const abort = new AbortController();
    const visiting = client({ manners: createManners({ limit: 1, periodMs: 60_000 }) }).fetchPages(
      siteThat({}).domain,
      { signal: abort.signal },
    );
    abort.abort(new Error("no longer wanted"));
    await expect(visiting).rejects.toThrow("no longer wanted");
  });
});
