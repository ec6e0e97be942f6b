import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockKey, nameKey, nameSimilarity } from "./company-name.ts";
import { ACCEPT, bestMatch, foldLocality, type Matchable, matchOf, REVIEW } from "./match.ts";

const company = (name: string, rest: Partial<Matchable> = {}): Matchable => ({
  ...{ cui: null, name, county: null, locality: null, phones: [], domain: null },
  ...rest,
});

describe("names", () => {
  it.each([
    ["AGRO CÂMPIA S.R.L.", "agro campia"],
    ["S.C. Agro Câmpia SRL", "agro campia"],
    ['"AGRO CAMPIA" S.R.L', "agro campia"],
    ["SOCIETATEA COMERCIALĂ AGRO CÂMPIA S. A.", "agro campia"],
    ["POPESCU ION PERSOANĂ FIZICĂ AUTORIZATĂ", "popescu ion"],
    ["S.R.L.", ""],
  ])("%s is compared as %s", (name, key) => expect(nameKey(name)).toBe(key));

  it("are normalised once and for all, and alike in both directions", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(nameKey(nameKey(one))).toBe(nameKey(one));
        expect(nameSimilarity(one, other)).toBeCloseTo(nameSimilarity(other, one), 10);
        expect(nameSimilarity(one, other)).toBeGreaterThanOrEqual(0);
        expect(nameSimilarity(one, other)).toBeLessThanOrEqual(1);
        if (nameKey(one) !== "") expect(nameSimilarity(one, one)).toBe(1);
      }),
    );
  });

  it("that are the same in another order are the same", () => {
    expect(nameSimilarity("POPESCU ION PFA", "Ion Popescu")).toBe(1);
    expect(blockKey("POPESCU ION PFA")).toBe(blockKey("Ion Popescu"));
  });

  it("are less alike the more they differ", () => {
    const same = nameSimilarity("Agro Câmpia 95 SRL", "AGRO CAMPIA SRL");
    const typo = nameSimilarity("Agro Câmpia SRL", "Agro Campja SRL");
    const other = nameSimilarity("Agro Câmpia SRL", "Podgoria Siret SA");
    expect(same).toBeGreaterThan(0.85);
    expect(same).toBeLessThan(1);
    expect(typo).toBeGreaterThan(0.7);
    expect(other).toBeLessThan(0.3);
  });
});

describe("a match", () => {
  const farm = company("Agro Câmpia SRL", { county: "Ialomița", locality: "Sat Lunca, com. Exemplu" });

  it("is certain with the tax id, and impossible with another", () => {
    expect(matchOf(company("A", { cui: 1 }), company("B", { cui: 1 })).score).toBe(100);
    expect(matchOf(company("A", { cui: 1 }), company("A", { cui: 2 })).score).toBe(0);
  });

  it("is good with the same name and place, and explains itself", () => {
    const match = matchOf(farm, company("AGRO CAMPIA", { county: "IALOMIŢA", locality: "LUNCA EXEMPLU" }));
    expect(match.score).toBeGreaterThanOrEqual(ACCEPT);
    expect(match.reasons).toEqual([
      { part: "name", points: 72 },
      { part: "locality", points: 24 },
      { part: "county", points: 6 },
    ]);
  });

  it("is for a person to decide with the same name in the county only", () => {
    const { score } = matchOf(farm, company("AGRO CAMPIA", { county: "Ialomita" }));
    expect(score).toBeGreaterThanOrEqual(REVIEW);
    expect(score).toBeLessThan(ACCEPT);
  });

  it("is none in another county, or with another name", () => {
    expect(matchOf(farm, company("AGRO CAMPIA", { county: "Dolj" })).score).toBeLessThan(REVIEW);
    expect(matchOf(farm, company("Podgoria", { ...farm, name: "Podgoria" })).score).toBeLessThan(REVIEW);
  });

  it("gains by a phone or a domain in common", () => {
    const phones = ["+40722000000"];
    const less = matchOf(company("Agro Campia", { phones }), company("Agro Câmpia"));
    const more = matchOf(company("Agro Campia", { phones }), company("Agro Câmpia", { phones }));
    expect(more.score - less.score).toBe(20);
  });

  it("of two that are as good as each other is for a person to decide", () => {
    const twin = company("AGRO CAMPIA", { county: "Ialomița", locality: "Lunca Exemplu" });
    expect(bestMatch(farm, [twin]).decision).toBe("match");
    expect(bestMatch(farm, [twin, { ...twin }]).decision).toBe("review");
    expect(bestMatch(farm, [company("Podgoria")]).decision).toBe("none");
    expect(bestMatch(farm, []).decision).toBe("none");
  });

  it("folds the kinds of places", () => {
    expect(foldLocality("Sat Lunca Com. Exemplu")).toBe("lunca exemplu");
    expect(foldLocality("MUNICIPIUL Iaşi")).toBe("iasi");
  });
});
