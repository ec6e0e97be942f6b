import { describe, expect, it } from "vitest";
import { webPage } from "#tests/support/web-page.ts";
import { ownershipOf } from "./ownership.ts";

const page = (text: string, title: string | null = null) => webPage({ text, title });
const proofOf = (text: string, company = { cui: 14837428, name: "AGRO BĂRĂGAN S.R.L." }) =>
  ownershipOf(company, [page(text)]).proof;

describe("the tax id on a page", () => {
  it.each([
    "CUI: 14837428",
    "C.U.I. RO14837428, J21/1/2002",
    "Cod fiscal: RO 14837428",
    "Cod unic de înregistrare 14837428",
    "VAT RO14837428",
    "RO 14 837 428",
    "SC Altceva SRL 14837428 Slobozia",
  ])("%s", (text) => {
    expect(proofOf(text)).toBe("tax_id");
  });

  it.each([
    "CUI: 148374281",
    "CUI: 1483742",
    "tel. +40 14837428",
    "0214837428",
    "preț 14837428.50",
    "14 837 428 lei",
    "CUI 14837429",
  ])("%s is another number", (text) => {
    expect(proofOf(text)).toBe("none");
  });

  it("must be named as one when it is short", () => {
    const company = { cui: 1234, name: "X" };
    expect(proofOf("din 1234 de hectare", company)).toBe("none");
    expect(proofOf("CUI 1234", company)).toBe("tax_id");
  });

  it("comes with the words around it", () => {
    const { snippet } = ownershipOf({ cui: 14837428, name: "X" }, [
      page(`${"a ".repeat(100)}Date firmă CUI 14837428 Reg. Com. ${"b ".repeat(100)}`),
    ]);
    expect(snippet).toMatch(/^….*Date firmă CUI 14837428 Reg\. Com\..*…$/);
    expect(snippet?.length).toBeLessThan(120);
  });
});

describe("the name on a page", () => {
  it.each([
    "Agro Baragan",
    "SC AGRO BĂRĂGAN SRL",
    "Bine ați venit la Agro-Bărăgan!",
    "agro bărăgan: cereale",
  ])("%s", (text) => {
    expect(proofOf(text)).toBe("name");
  });

  it.each(["Câmpia Bărăgan", "Agro de Bărăgan", "agrobaragan.ro", "Bărăgan Agro"])("%s is not it", (text) => {
    expect(proofOf(text)).toBe("none");
  });

  it("proves nothing when it is short or but a legal form", () => {
    expect(proofOf("Oaza Verde", { cui: 1, name: "OAZA SRL" })).toBe("none");
    expect(proofOf("o firmă SRL", { cui: 1, name: "SC SRL" })).toBe("none");
  });

  it("counts in the title, too, and less than the tax id on another page", () => {
    const company = { cui: 14837428, name: "AGRO BĂRĂGAN SRL" };
    expect(ownershipOf(company, [page("", "Agro Bărăgan"), page("CUI 14837428")])).toMatchObject({
      proof: "tax_id",
    });
    expect(ownershipOf(company, [page("", "Agro Bărăgan"), page("")]).proof).toBe("name");
    expect(ownershipOf(company, [])).toEqual({ proof: "none", snippet: null });
  });
});
