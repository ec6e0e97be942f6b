/** One spelling for each way to reach somebody, so that hashes of it can be compared. Pure. */
import { cleanEmail } from "#src/domain/contact/email-address.ts";
import { readPhones } from "#src/domain/phone/phones.ts";
import { parseCui } from "#src/domain/registry/cui.ts";
import { cleanDomain } from "#src/domain/web/domain-name.ts";

export type ContactKind = "email" | "domain" | "phone" | "cui";

export interface Contact {
  kind: ContactKind;
  value: string;
}

/** The value in its one spelling: e-mail in lower case, bare domain, phone in E.164, digits of the tax id; null: it is none. */
export function contactKey({ kind, value }: Contact): string | null {
  switch (kind) {
    case "email":
      return cleanEmail(value);
    case "domain":
      return cleanDomain(value);
    case "phone": {
      const [phone, ...more] = readPhones([{ text: value, source: "" }]);
      return phone?.valid && more.length === 0 ? phone.e164 : null;
    }
    case "cui": {
      const parsed = parseCui(value);
      return parsed.ok ? String(parsed.cui) : null;
    }
  }
}

/**
 * All contacts under which this one may be suppressed: itself, and of an e-mail address or domain also its domain and
 * those above it. Nothing for what is no contact.
 */
export function suppressingContacts(contact: Contact): Contact[] {
  const value = contactKey(contact);
  if (value === null) return [];
  const itself = { kind: contact.kind, value };
  if (contact.kind === "email") return [itself, ...domainsOf(value.slice(value.lastIndexOf("@") + 1))];
  return contact.kind === "domain" ? domainsOf(value) : [itself];
}

/** "mail.agro.ro", "agro.ro"; a top-level domain is nobody's. */
function domainsOf(host: string): Contact[] {
  const labels = host.split(".");
  return labels.slice(0, -1).map((_, n) => ({ kind: "domain" as const, value: labels.slice(n).join(".") }));
}
