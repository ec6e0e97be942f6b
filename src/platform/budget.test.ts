import { describe, expect, it } from "vitest";
import type { Account } from "#db/queries/budgets.ts";
import { keepWithinBudget, movementsOf, prospectAccount, sharedAccounts } from "./budget.ts";

const payer = { provider: "hunter", jobId: "job", day: "2026-11-22" };
const accountsWith = (
  limits: Partial<Record<Account["scope"], number>>,
  prospects: string[] = [],
): Account[] =>
  [...sharedAccounts(payer), ...prospects.map((id) => prospectAccount(payer, id))].flatMap((account) => {
    const limitMicros = limits[account.scope];
    return limitMicros === undefined ? [] : [{ ...account, limitMicros, heldMicros: 0, spentMicros: 0 }];
  });
const questions = ["p1", "p2", "p3"].map((prospectId) => ({ prospectId }));

describe("what fits within the budgets", () => {
  it("is everything where nothing is limited", () => {
    expect(keepWithinBudget(payer, accountsWith({}), questions, 7)).toEqual({ fits: questions, over: [] });
  });

  it.each([
    ["job", "job"],
    ["provider", "provider"],
    ["provider_day", "day"],
    ["workspace", "workspace"],
    ["workspace_day", "day"],
  ] as const)("is cut by the account of the %s, and says %s", (scope, said) => {
    const { fits, over } = keepWithinBudget(payer, accountsWith({ [scope]: 14 }), questions, 7);
    expect(fits).toEqual(questions.slice(0, 2));
    expect(over).toEqual([{ question: questions[2], scope: said }]);
  });

  it("counts what is held as if it were spent", () => {
    const accounts = accountsWith({ job: 20 }).map((account) => ({
      ...account,
      heldMicros: 5,
      spentMicros: 6,
    }));
    expect(keepWithinBudget(payer, accounts, questions, 7).fits).toHaveLength(1);
  });

  it("leaves room for others where one prospect's own is used up", () => {
    const accounts = accountsWith({ prospect: 7, job: 14 }, ["p1", "p2"]);
    const asked = [{ prospectId: "p1" }, { prospectId: "p1" }, { prospectId: "p2" }];
    const { fits, over } = keepWithinBudget(payer, accounts, asked, 7);
    expect(fits).toEqual([{ prospectId: "p1" }, { prospectId: "p2" }]);
    expect(over).toEqual([{ question: { prospectId: "p1" }, scope: "prospect" }]);
  });

  it("takes nothing from a limit below what is spent", () => {
    const accounts = accountsWith({ workspace: 10 }).map((account) => ({ ...account, spentMicros: 28 }));
    expect(keepWithinBudget(payer, accounts, questions, 7).fits).toEqual([]);
  });
});

describe("movements", () => {
  it("go through every account once, and through each prospect's own", () => {
    const change = { payer, heldMicros: -7, spentMicros: 3 };
    const movements = movementsOf([
      { ...change, prospectId: "p1" },
      { ...change, prospectId: "p2" },
    ]);
    expect(movements).toContainEqual({ scope: "workspace", key: "", heldMicros: -14, spentMicros: 6 });
    expect(movements).toContainEqual({
      scope: "provider_day",
      key: "hunter:2026-11-22",
      heldMicros: -14,
      spentMicros: 6,
    });
    expect(movements).toContainEqual({ scope: "prospect", key: "job:p2", heldMicros: -7, spentMicros: 3 });
    expect(movements).toHaveLength(7);
  });

  it("are none where nothing moves", () => {
    expect(movementsOf([{ payer, prospectId: "p1", heldMicros: 0, spentMicros: 0 }])).toEqual([]);
  });
});
