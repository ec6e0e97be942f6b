import { describe, expect, it } from "vitest";
import { likenessOf, matchBlock } from "./duplicates.ts";

const prospect = (
  name: string,
  rest: { phones?: string[]; domain?: string; emails?: string[]; locality?: string } = {},
) => ({
  ...{ name, county: "Ialomița", locality: rest.locality ?? null },
  ...{ phones: rest.phones ?? [], domain: rest.domain ?? null, emails: rest.emails ?? [] },
});

describe("two prospects under different tax ids", () => {
  it("are a match with the same name, place and phone, and it says why", () => {
    const phones = ["+40722000000"];
    const one = prospect("POPESCU ION PFA", { phones, locality: "Lunca" });
    const likeness = likenessOf(one, prospect("ION POPESCU SRL", { phones, locality: "sat Lunca" }));
    expect(likeness).toMatchObject({ score: 100, decision: "match" });
    expect(likeness.reasons.map(({ part }) => part)).toEqual(["name", "locality", "county", "phone"]);
  });

  it("are for a person to look at with the same name in the county only", () => {
    expect(likenessOf(prospect("POPESCU ION PFA"), prospect("Ion Popescu II")).decision).toBe("review");
  });

  it("gain as much by an address in common as by its domain, and not by both", () => {
    const points = (shared: { domain?: string; emails?: string[] }) =>
      likenessOf(prospect("Agro Vest", shared), prospect("Cereale Sud", shared)).reasons.filter(
        ({ part }) => part === "domain" || part === "email",
      );
    expect(points({ emails: ["ferma@gmail.com"] })).toEqual([{ part: "email", points: 20 }]);
    expect(points({ emails: ["office@a.ro"], domain: "a.ro" })).toEqual([{ part: "domain", points: 20 }]);
  });
});

describe("the block of a name", () => {
  it("is the same for names that may be the same in one county, and another in the next", () => {
    expect(matchBlock({ name: "Agro Câmpia SRL", county: "Jud. Ialomiţa" })).toBe(
      matchBlock({ name: "S.C. AGRO CAMPIA 95", county: "Ialomița" }),
    );
    expect(matchBlock({ name: "Agro Câmpia SRL", county: "Dolj" })).toBe("dolj campi");
  });

  it("is none for a name without a word", () => {
    expect(matchBlock({ name: "S.R.L.", county: "Dolj" })).toBeNull();
  });
});
