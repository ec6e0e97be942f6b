import { expect, it } from "vitest";
import { simulatedCompany } from "../company.ts";
import { renderedPage, type SiteKind, simulatedSite } from "./site.ts";

const DOMAINS = Array.from({ length: 4_000 }, (_, index) => simulatedCompany(20_000_000 + index).domain);
const sites = DOMAINS.flatMap((domain) => simulatedSite(domain ?? "") ?? []);

it("has every habit of the real web, and mostly sites that can be read", () => {
  const kinds = Map.groupBy(sites, ({ kind }) => kind);
  const expected: SiteKind[] = [
    "blocks_robots",
    "cookie_wall",
    "dead",
    "disallows_robots",
    "huge",
    "parked",
    "plain",
    "redirect_loop",
    "script_only",
  ];
  expect([...kinds.keys()].sort()).toEqual(expected);
  expect((kinds.get("plain")?.length ?? 0) / sites.length).toBeGreaterThan(0.6);
});

it("knows the company of a domain, and nothing of other hosts", () => {
  const site = sites.find(({ kind }) => kind === "plain");
  expect(simulatedSite(`www.${site?.domain}`)).toEqual(site);
  for (const host of [
    "",
    "google.com",
    "gone-20000000.example",
    `shop.${site?.domain}`,
    "agro-1.example.com",
  ]) {
    expect(simulatedSite(host)).toBeNull();
  }
});

it("says the same whenever it is asked", () => {
  for (const site of sites.slice(0, 50)) expect(renderedPage(site, "/")).toBe(renderedPage(site, "/"));
});
