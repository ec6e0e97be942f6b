import { describe, expect, it } from "vitest";
import { cuiOfDomain, simulatedCompany } from "./company.ts";

const companies = Array.from({ length: 5_000 }, (_, index) => simulatedCompany(1_000_003 + index * 7));

describe("the simulated company", () => {
  it("is the same for the same tax id", () => {
    expect(simulatedCompany(14_837_428)).toEqual(simulatedCompany(14_837_428));
  });

  it("can be found by its domain, and no other host can", () => {
    for (const { cui, domain } of companies) if (domain) expect(cuiOfDomain(`www.${domain}`)).toBe(cui);
    expect(cuiOfDomain("agro-14837428.test")).toBeNull();
    const absent = companies.find(({ domain }) => domain === null);
    expect(cuiOfDomain(`agro-${absent?.cui}.example`)).toBeNull();
  });

  it("has people and mailboxes only where it has a domain", () => {
    const offline = companies.filter(({ domain }) => domain === null);
    expect(offline.length).toBeGreaterThan(1_000);
    expect(offline.every(({ people, genericEmails }) => people.length + genericEmails.length === 0)).toBe(
      true,
    );
    expect(companies.length - offline.length).toBeGreaterThan(2_000);
  });

  it("is small most of the time", () => {
    const turnovers = companies.map(({ turnoverRon }) => turnoverRon).sort((a, b) => a - b);
    expect(turnovers[2_500]).toBeLessThan(1_000_000);
    expect(turnovers.at(-1)).toBeGreaterThan(10_000_000);
  });
});
