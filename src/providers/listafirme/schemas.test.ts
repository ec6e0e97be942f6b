import { describe, expect, it } from "vitest";
import { readAnswer } from "./schemas.ts";

const CUI = 90_000_014;
const statementOf = (Balance: unknown) => {
  const answer = readAnswer({ TaxCode: String(CUI), Balance, cost: "1" }, CUI);
  return answer.status === "found" ? answer.company.statement : undefined;
};

describe("an answer of listafirme.ro", () => {
  it("has numbers as text", () => {
    const body = { TaxCode: "90000014", Status: " functiune", cost: "1.5", views: "4026" };
    expect(readAnswer(body, CUI)).toEqual({
      status: "found",
      company: { status: "functiune", statement: null },
      credits: 1.5,
    });
  });

  it("has statements by year, of which the last that can be read counts", () => {
    const rows = [
      { Year: "2023", Turnover: "1" },
      { Year: "2025", Turnover: "9400000", NetProfit: "-820000", Employees: "14", Debts: "" },
      { Year: "2024", Turnover: "2" },
      { Year: "2026", Turnover: "about 3" },
      null,
    ];
    expect(statementOf(rows)).toEqual({
      financialYear: 2025,
      turnoverRon: 9_400_000,
      netResultRon: -820_000,
      employees: 14,
      debtsRon: null,
    });
    for (const none of [[], null, undefined, "none"]) expect(statementOf(none)).toBeNull();
  });

  it.each([
    [{ errorCode: "TAX_CODE_NOT_FOUND", error: "" }, { status: "not_found" }],
    [{ error: "Tax code not found" }, { status: "not_found" }],
    [
      { errorCode: "API_BUSY_RETRY", error: "busy" },
      { status: "error", kind: "rate_limited" },
    ],
    [
      { errorCode: "X", error: "Nu mai aveți credite" },
      { status: "error", kind: "spent" },
    ],
    [
      { errorCode: "KEY_WRONG", error: "" },
      { status: "error", kind: "unauthorized" },
    ],
    [
      { errorCode: "X", error: "IP not allowed" },
      { status: "error", kind: "unauthorized" },
    ],
    [
      { errorCode: "DATA_INVALID", error: "Invalid data" },
      { status: "error", kind: "rejected" },
    ],
    [{ TaxCode: "7" }, { status: "error", kind: "bad_response" }],
    [{ Status: "functiune" }, { status: "error", kind: "bad_response" }],
    [null, { status: "error", kind: "bad_response" }],
  ])("%j is %j", (body, answer) => {
    expect(readAnswer(body, CUI)).toEqual(answer);
  });
});
