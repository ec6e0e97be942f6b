import { describe, expect, it } from "vitest";
import { cleanText, foldCounty, foldText, hasControlCharacters } from "./text.ts";

describe("cleanText", () => {
  it.each([
    ["AGRO SRL", "AGRO SRL"],
    ["  AGRO \t  SRL ", "AGRO SRL"],
    ["BRĂILA ŞI GALAŢI", "BRĂILA ȘI GALAȚI"],
    ["ş ţ", "ș ț"],
    ["S\u0326 t\u0326", "Ș ț"],
    ["S\u0327 t\u0327", "Ș ț"],
    ["zero\u200bwidth\u00ad", "zerowidth"],
    ["A\u00a0\u2003B", "A B"],
    ["\u202eABC", "ABC"],
    ["Ünïcode 日本", "Ünïcode 日本"],
  ])("%j becomes %j", (text, clean) => expect(cleanText(text)).toBe(clean));

  it("is the same when done twice", () => {
    const clean = cleanText(" \u200b a \u200b b ");
    expect(cleanText(clean)).toBe(clean);
  });
});

describe("foldText", () => {
  it.each(["  IALOMIŢA ", "Ialomița", "ialomita", "Ialomiţa"])("%j is ialomita", (text) =>
    expect(foldText(text)).toBe("ialomita"),
  );
});

describe("foldCounty", () => {
  it.each([
    ["JUDEȚUL IALOMIȚA", "ialomita"],
    ["Jud. Ialomiţa", "ialomita"],
    ["MUNICIPIUL BUCUREȘTI", "bucuresti"],
    ["Bucureşti Sectorul 3", "bucuresti"],
    ["Satu Mare", "satu mare"],
  ])("%j is %s", (text, folded) => expect(foldCounty(text)).toBe(folded));
});

describe("hasControlCharacters", () => {
  it.each(["\0", "a\u001bb", "a\rb", "\u007f"])("sees %j", (text) =>
    expect(hasControlCharacters(text)).toBe(true),
  );
  it.each(["", "a\tb", "ș", "a b"])("takes %j", (text) => expect(hasControlCharacters(text)).toBe(false));
});
