import { describe, expect, it } from "vitest";
import { companyFacts } from "./company-facts.ts";

const company = {
  ...{ name: "AGRO CÂMPIA SRL", legalForm: "SRL", registrationNumber: "J21/111/2009" },
  ...{ registryStateCode: "1048,2069", activities: null },
};

describe("what the trade register says", () => {
  it("has its states in words, and numbers where the words are not known", () => {
    expect(companyFacts(company)).toMatchObject({
      registryState: "în funcțiune, dizolvare",
      soleTrader: false,
    });
    expect(companyFacts({ ...company, registryStateCode: "9999" })?.registryState).toBe("9999");
  });

  it("puts agriculture first, in the newer revision", () => {
    const activities = [
      { code: "4621", revision: 3 },
      { code: "0111", revision: 2 },
      { code: "0111", revision: 3 },
    ];
    expect(companyFacts({ ...company, activities })).toMatchObject({
      registryActivity: "0111",
      registryActivityRevision: 3,
      registryActivities: [{ revision: 3 }, { revision: 2 }, { code: "4621" }],
    });
  });

  it("marks sole traders", () => {
    expect(companyFacts({ ...company, legalForm: "PFA" })?.soleTrader).toBe(true);
  });

  it("is nothing where the files said nothing", () => {
    expect(companyFacts({ ...company, legalForm: null, registryStateCode: null })).toBeNull();
  });
});
