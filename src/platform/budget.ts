/**
 * Budgets, the pure part: which accounts a paid call holds its cost in, what of a set of questions fits within them,
 * and how holding and settling move them. Money is integer micro-euros.
 */
import type { Account, AccountKey, Movement } from "#db/queries/budgets.ts";

/** For whom something is paid. */
export interface Payer {
  provider: string;
  jobId: string;
  /** The day in Romania, ISO 8601. */
  day: string;
}

/** The accounts that everything this payer pays goes through, where they are limited. */
export const sharedAccounts = ({ provider, jobId, day }: Payer): AccountKey[] => [
  { scope: "job", key: jobId },
  { scope: "provider_day", key: `${provider}:${day}` },
  { scope: "provider", key: provider },
  { scope: "workspace_day", key: day },
  { scope: "workspace", key: "" },
];

/** The account of one prospect within a job. */
export const prospectAccount = ({ jobId }: Payer, prospectId: string): AccountKey => ({
  scope: "prospect",
  key: `${jobId}:${prospectId}`,
});

/** Which limit it was that something did not fit into. */
export type BudgetScope = "prospect" | "job" | "provider" | "workspace" | "day" | "credits";

const SCOPES: Record<Account["scope"], BudgetScope> = {
  prospect: "prospect",
  job: "job",
  provider_day: "day",
  provider: "provider",
  workspace_day: "day",
  workspace: "workspace",
  credits: "credits",
};

/** What the workspace's credits leave: a limit like any other, where it has an account. */
const CREDITS: AccountKey = { scope: "credits", key: "" };

/**
 * Takes, in their order, as many of the questions as fit. Those that do not are told apart by the narrowest limit
 * that is in their way.
 * @param accounts those that have a limit, as they stand, locked
 * @param costMicros of one question
 */
export function keepWithinBudget<Question extends { prospectId: string }>(
  payer: Payer,
  accounts: readonly Account[],
  questions: readonly Question[],
  costMicros: number,
): { fits: Question[]; over: { question: Question; scope: BudgetScope }[] } {
  const left = new Map(
    accounts.map(({ scope, key, limitMicros, heldMicros, spentMicros }) => [
      nameOf({ scope, key }),
      limitMicros - heldMicros - spentMicros,
    ]),
  );
  const leftIn = (account: AccountKey) => left.get(nameOf(account)) ?? Number.POSITIVE_INFINITY;
  const shared = sharedAccounts(payer);
  const fits: Question[] = [];
  const over: { question: Question; scope: BudgetScope }[] = [];
  for (const question of questions) {
    const accountsOfIt = [prospectAccount(payer, question.prospectId), ...shared, CREDITS];
    const full = accountsOfIt.find((account) => leftIn(account) < costMicros);
    if (full) over.push({ question, scope: SCOPES[full.scope] });
    else {
      fits.push(question);
      for (const account of accountsOfIt) left.set(nameOf(account), leftIn(account) - costMicros);
    }
  }
  return { fits, over };
}

/** What is held more (or less) and spent for one prospect. */
export interface Change {
  payer: Payer;
  prospectId: string | null;
  heldMicros: number;
  spentMicros: number;
}

/** How these changes move the accounts, each account once. */
export function movementsOf(changes: readonly Change[]): Movement[] {
  const sums = new Map<string, Movement>();
  for (const { payer, prospectId, heldMicros, spentMicros } of changes) {
    if (heldMicros === 0 && spentMicros === 0) continue;
    const accounts = sharedAccounts(payer);
    if (prospectId !== null) accounts.push(prospectAccount(payer, prospectId));
    for (const account of accounts) {
      const sum = sums.get(nameOf(account)) ?? { ...account, heldMicros: 0, spentMicros: 0 };
      sum.heldMicros += heldMicros;
      sum.spentMicros += spentMicros;
      sums.set(nameOf(account), sum);
    }
  }
  return [...sums.values()];
}

const nameOf = ({ scope, key }: AccountKey) => `${scope} ${key}`;
