/** What the simulated ZeroBounce finds out about an address: always the same. */
import { cleanEmail } from "#src/domain/contact/email-address.ts";
import { chance, isAmong, pick } from "../chance.ts";
import { cuiOfDomain, simulatedCompany } from "../company.ts";

export interface Outcome {
  status: string;
  subStatus: string;
}

/** The vendor's own sandbox, free of charge: valid@example.com, disposable@example.com and so on. */
const SANDBOX: Record<string, Outcome> = {
  valid: { status: "valid", subStatus: "" },
  invalid: { status: "invalid", subStatus: "mailbox_not_found" },
  catch_all: { status: "catch-all", subStatus: "" },
  unknown: { status: "unknown", subStatus: "mail_server_temporary_error" },
  spamtrap: { status: "spamtrap", subStatus: "" },
  abuse: { status: "abuse", subStatus: "" },
  disposable: { status: "do_not_mail", subStatus: "disposable" },
  role_based: { status: "do_not_mail", subStatus: "role_based" },
};

export const isSandbox = (address: string): boolean => sandboxOf(address) !== undefined;

/** @param unknownPct share of mailboxes whose server does not say */
export function outcomeOf(address: string, unknownPct: number): Outcome {
  const sandbox = sandboxOf(address);
  if (sandbox) return sandbox;
  const email = cleanEmail(address);
  if (email === null) return { status: "invalid", subStatus: "failed_syntax_check" };
  const cui = cuiOfDomain(email.slice(email.lastIndexOf("@") + 1));
  if (cui === null) return { status: "invalid", subStatus: "no_dns_entries" };
  if (isAmong(cui, `unknown ${email}`, unknownPct))
    return { status: "unknown", subStatus: pick(cui, `reason ${email}`, ["greylisted", "timeout_exceeded"]) };
  if (isAmong(cui, "catch-all", 8)) return { status: "catch-all", subStatus: "" };
  const { genericEmails, people } = simulatedCompany(cui);
  const isGeneric = genericEmails.includes(email);
  if (!isGeneric && !people.some((person) => person.email === email))
    return { status: "invalid", subStatus: "mailbox_not_found" };
  const share = chance(cui, `outcome ${email}`) * 100;
  if (share < 6) return { status: "invalid", subStatus: "mailbox_quota_exceeded" };
  if (share < 6.5) return { status: "spamtrap", subStatus: "" };
  if (share < 7) return { status: "abuse", subStatus: "" };
  if (isGeneric && share < 35) return { status: "do_not_mail", subStatus: "role_based" };
  return { status: "valid", subStatus: "" };
}

function sandboxOf(address: string): Outcome | undefined {
  const [local = "", domain] = address.toLowerCase().split("@");
  return domain === "example.com" ? SANDBOX[local] : undefined;
}
