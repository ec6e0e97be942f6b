import { describe, expect, it } from "vitest";
import type { ZeroBounceResult } from "#src/providers/zerobounce/schemas.ts";
import {
  contactPersonOf,
  EmailDiscovery,
  EmailVerification,
  emailCandidates,
  type FoundEmail,
  pickEmail,
  pickFinding,
  verificationOf,
} from "./email-facts.ts";

const generic = (email: string, scorePct: number, more: Partial<FoundEmail> = {}): FoundEmail => ({
  email,
  kind: "generic",
  scorePct,
  ...more,
});
const personal = (email: string, scorePct: number, more: Partial<FoundEmail> = {}): FoundEmail => ({
  email,
  kind: "personal",
  scorePct,
  name: "Ion Popescu",
  position: "Administrator",
  ...more,
});

describe("the address that is picked", () => {
  it.each([
    [
      "the firm's own before anybody's",
      [personal("ion@a.ro", 99), generic("office@a.ro", 80)],
      "office@a.ro",
    ],
    ["the surest of its kind", [generic("office@a.ro", 81), generic("ferma@a.ro", 97)], "ferma@a.ro"],
    [
      "somebody's, where the firm's is a guess",
      [personal("ion@a.ro", 80), generic("office@a.ro", 79)],
      "ion@a.ro",
    ],
    ["none below 80", [personal("ion@a.ro", 79), generic("office@a.ro", 0)], null],
    ["none that is known to be wrong", [generic("office@a.ro", 95, { verification: "invalid" })], null],
    ["none where nobody reads", [generic("noreply@a.ro", 95), generic("dpo@a.ro", 95)], null],
    ["none of none", [], null],
  ])("is %s", (_, emails, picked) => {
    expect(pickEmail(emails)?.value.email ?? null).toBe(picked);
  });

  it("comes with a name only where it is somebody's own", () => {
    const value = pickEmail([personal("ion@a.ro", 88)]);
    expect(value).toEqual({
      value: {
        email: "ion@a.ro",
        emailKind: "personal",
        emailScore: 88,
        emailContactName: "Ion Popescu",
        emailPosition: "Administrator",
        emailDoNotContact: null,
      },
      confidencePct: 88,
    });
    expect(EmailDiscovery.parse(value?.value)).toEqual(value?.value);
    expect(
      pickEmail([generic("office@a.ro", 88, { name: "Ion Popescu", position: "x" })])?.value,
    ).toMatchObject({
      emailContactName: null,
      emailPosition: null,
    });
  });
});

describe("a search by name", () => {
  const person = { firstName: "Ion", lastName: "Popescu", domain: "a.ro" };

  it("that ends with somebody who wants no contact is a find without an address", () => {
    const picked = pickFinding({ claimed: true }, person);
    expect(picked?.value).toMatchObject({
      email: null,
      emailDoNotContact: true,
      emailContactName: "Ion Popescu",
    });
    expect(EmailDiscovery.parse(picked?.value)).toEqual(picked?.value);
  });

  it("needs the company's domain and both names, from whichever field knows them", () => {
    const web = { "web-discovery": { domain: "a.ro" } };
    const named = { "legal-data": { contactFirstName: "Ion", contactLastName: "Popescu" } };
    expect(contactPersonOf({ values: { ...web, ...named } })).toEqual(person);
    expect(contactPersonOf({ values: named })).toBeNull();
    expect(contactPersonOf({ values: web })).toBeNull();
    const half = { "legal-data": { contactFirstName: "Ion", contactLastName: null } };
    expect(contactPersonOf({ values: { ...web, ...half } })).toBeNull();
  });
});

describe("the addresses to be checked", () => {
  it("are the firm's before people's, and its own page before a provider", () => {
    expect(
      emailCandidates({
        values: {
          "email-discovery": { email: "ion@a.ro" },
          "legal-data": { email: "Contact@A.ro" },
          "web-content": { email: "office@a.ro", phone: "0722" },
          "phone-validation": { phone: "+40722" },
        },
      }),
    ).toEqual(["office@a.ro", "contact@a.ro", "ion@a.ro"]);
  });

  it("are each there once, and none that nobody reads or that is no address", () => {
    expect(
      emailCandidates({
        values: {
          "web-content": { email: "OFFICE@a.ro" },
          "email-discovery": { email: "office@a.ro" },
          other: { email: "webmaster@a.ro" },
          another: { email: "office at a.ro" },
        },
      }),
    ).toEqual(["office@a.ro"]);
  });

  it("are the firm's alone where somebody wants no contact", () => {
    const values = {
      "email-discovery": { email: null, emailDoNotContact: true },
      "web-content": { email: "ion.popescu@a.ro" },
      "legal-data": { email: "office@a.ro" },
    };
    expect(emailCandidates({ values })).toEqual(["office@a.ro"]);
  });
});

describe("what a check comes to", () => {
  const result = (status: ZeroBounceResult["status"], subStatus: string | null = null): ZeroBounceResult => ({
    address: "office@a.ro",
    status,
    subStatus,
    freeEmail: null,
    didYouMean: null,
    mxFound: true,
  });

  it.each([
    ["valid", null, "valid", true, true],
    ["valid", "role_based_accept_all", "valid", true, true],
    ["invalid", "mailbox_not_found", "invalid", false, false],
    ["catch-all", null, "catch_all", false, true],
    ["unknown", "greylisted", "unknown", false, true],
    ["do_not_mail", "role_based", "role_based", false, true],
    ["do_not_mail", "role_based_catch_all", "catch_all", false, true],
    ["do_not_mail", "disposable", "do_not_mail", false, false],
    ["do_not_mail", "something_new", "do_not_mail", false, false],
    ["spamtrap", null, "spamtrap", false, false],
    ["abuse", null, "abuse", false, false],
  ] as const)("%s (%s) is %s; verified: %s, to be used: %s", (status, subStatus, ours, verified, isOfUse) => {
    const { value, confidencePct } = verificationOf(result(status, subStatus));
    expect(value).toEqual({
      email: isOfUse ? "office@a.ro" : null,
      emailChecked: "office@a.ro",
      emailVerified: verified,
      emailStatus: ours,
      emailSubStatus: subStatus,
    });
    expect(EmailVerification.parse(value)).toEqual(value);
    expect(confidencePct).toBeGreaterThanOrEqual(50);
  });
});
