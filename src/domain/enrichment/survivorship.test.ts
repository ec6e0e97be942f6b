import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Statement } from "./statement.ts";
import { survivors } from "./survivorship.ts";

const said = (attributes: Record<string, unknown>, rest: Partial<Statement> = {}): Statement => ({
  field: "cui-validation",
  attributes,
  source: "anaf",
  confidencePct: 90,
  observedAt: "2026-11-22T08:00:00.000Z",
  fieldValueId: null,
  ...rest,
});
/** The golden record's values. */
const golden = (...statements: Statement[]) =>
  Object.fromEntries(Object.entries(survivors(statements)).map(([name, { value }]) => [name, value]));

describe("survivorship", () => {
  it("believes the trade register on the name, whatever the confidence of others", () => {
    const registry = said({ name: "A" }, { source: "onrc", confidencePct: 60 });
    expect(golden(said({ name: "B" }, { confidencePct: 99 }), registry)).toEqual({ name: "A" });
  });

  it("takes the higher confidence where nobody is the authority, then the newer", () => {
    const old = said({ employees: 1 }, { observedAt: "2026-01-01T00:00:00.000Z" });
    expect(golden(old, said({ employees: 2 }))).toEqual({ employees: 2 });
    expect(golden(said({ employees: 3 }, { confidencePct: 50 }), old)).toEqual({ employees: 1 });
  });

  it("never lets an empty value survive, and keeps false and zero, which are answers", () => {
    expect(golden(said({ a: "", b: null, c: "  ", d: [], e: undefined }))).toEqual({});
    expect(golden(said({ vatRegistered: false, employees: 0 }))).toEqual({
      employees: 0,
      vatRegistered: false,
    });
  });

  it("gives the same record whatever the order in which values came", () => {
    const field = fc.constantFrom("email-discovery", "email-verification", "web-content", "phone-validation");
    const statement = fc.record({
      field,
      attributes: fc.record(
        {
          name: fc.integer(),
          email: fc.constantFrom("office@a.ro", "ion.pop@a.ro", null),
          emailChecked: fc.constantFrom("office@a.ro", "ion.pop@a.ro"),
          emailKind: fc.constantFrom("generic", "personal"),
          emailDoNotContact: fc.constant(true),
          phone: fc.constantFrom("+40722000000", null),
        },
        { requiredKeys: [] },
      ),
      source: fc.constantFrom("anaf", "onrc", "termene"),
      confidencePct: fc.integer({ min: 0, max: 100 }),
      observedAt: fc.constantFrom("2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"),
      fieldValueId: fc.uuid(),
    });
    // As of one prospect: the newest value of each field.
    const statements = fc.uniqueArray(statement, { selector: (each) => each.field });
    fc.assert(
      fc.property(statements, (all) => {
        expect(survivors(all.toReversed())).toEqual(survivors(all));
      }),
    );
  });
});

describe("survivorship after a merge", () => {
  const merged = { mergedFrom: "other" };

  it("takes contacts, site and land of the merged one, and says whose they were", () => {
    const record = survivors([
      said({ name: "Kept" }, { source: "onrc" }),
      said({ domain: "a.ro" }, { field: "web-discovery", ...merged }),
      said({ farmPaymentsEuros: 5 }, { field: "farmer-registry", ...merged }),
    ]);
    expect(record.domain).toMatchObject({ value: "a.ro", mergedFrom: "other" });
    expect(record.farmPaymentsEuros?.value).toBe(5);
    expect(record.name).not.toHaveProperty("mergedFrom");
  });

  it("leaves registration, taxes and statements to the legal person that they are of", () => {
    const foreign = said(
      { name: "Old PFA", deregistered: true, turnoverRon: 9 },
      { confidencePct: 100, ...merged },
    );
    expect(golden(said({ name: "New SRL" }), foreign)).toEqual({ name: "New SRL" });
  });

  it("prefers what is the prospect's own at the same confidence", () => {
    const newer = said({ website: "b.ro" }, { observedAt: "2026-12-01T00:00:00.000Z", ...merged });
    expect(golden(said({ website: "a.ro" }), newer)).toEqual({ website: "a.ro" });
  });
});

describe("the e-mail address", () => {
  const found = (email: string, rest: Partial<Statement> = {}) =>
    said(
      { email, emailKind: "generic", emailScore: 95 },
      { field: "email-discovery", source: "hunter", confidencePct: 95, ...rest },
    );
  const checked = (address: string, status: string, rest: Partial<Statement> = {}) =>
    said(
      {
        email: status === "invalid" ? null : address,
        emailChecked: address,
        emailVerified: status === "valid",
        emailStatus: status,
      },
      {
        field: "email-verification",
        source: "zerobounce",
        confidencePct: status === "unknown" ? 50 : 99,
        ...rest,
      },
    );

  it("is the one that was verified, with what others say of the same one", () => {
    expect(golden(found("office@a.ro"), checked("office@a.ro", "valid"))).toEqual({
      email: "office@a.ro",
      emailKind: "generic",
      emailScore: 95,
      emailChecked: "office@a.ro",
      emailVerified: true,
      emailStatus: "valid",
    });
  });

  it("is the checked one even where another source is surer of another, whose details are left out", () => {
    const record = golden(found("sales@a.ro"), checked("office@a.ro", "unknown"));
    expect(record).toEqual({
      email: "office@a.ro",
      emailChecked: "office@a.ro",
      emailVerified: false,
      emailStatus: "unknown",
    });
  });

  it("is none when the check found that none can be used", () => {
    const record = golden(
      found("office@a.ro"),
      found("b@a.ro", { field: "web-content" }),
      checked("office@a.ro", "invalid"),
    );
    expect(record).toEqual({ emailChecked: "office@a.ro", emailVerified: false, emailStatus: "invalid" });
  });

  it("is another one that was found since, and then it is not verified", () => {
    const later = { observedAt: "2026-12-01T00:00:00.000Z" };
    expect(golden(found("office@a.ro", later), checked("office@a.ro", "invalid"))).not.toHaveProperty(
      "email",
    );
    expect(golden(found("new@a.ro", later), checked("office@a.ro", "invalid"))).toEqual({
      email: "new@a.ro",
      emailKind: "generic",
      emailScore: 95,
    });
  });

  it("is nobody's personal one where somebody wants no contact", () => {
    const wish = said({ email: null, emailDoNotContact: true }, { field: "email-discovery" });
    const onSite = (email: string) => said({ email }, { field: "web-content" });
    expect(golden(wish, onSite("ion.popescu@a.ro"))).toEqual({ emailDoNotContact: true });
    expect(golden(wish, onSite("office@a.ro"))).toEqual({ email: "office@a.ro", emailDoNotContact: true });
    const verified = golden(wish, checked("ion.popescu@a.ro", "valid"));
    expect(verified).toEqual({ emailDoNotContact: true });
  });

  it("of a merged prospect comes before an unchecked one when it is verified", () => {
    const other = checked("office@b.ro", "valid", { mergedFrom: "other" });
    expect(golden(found("office@a.ro", { confidencePct: 100 }), other)).toMatchObject({
      email: "office@b.ro",
      emailVerified: true,
    });
    expect(golden(found("office@a.ro", { confidencePct: 100 }), other)).not.toHaveProperty("emailKind");
  });
});

describe("the phone number", () => {
  const raw = said({ phone: "0722/000000" }, { confidencePct: 100 });
  const validated = (phone: string | null) =>
    said(
      { phone, phoneType: phone && "mobile", phones: [{ e164: "+40722000000" }] },
      { field: "phone-validation", source: "libphonenumber", confidencePct: 97 },
    );

  it("is the validated one with its type, however sure the register is of what was declared", () => {
    expect(golden(raw, validated("+40722000000"))).toMatchObject({
      phone: "+40722000000",
      phoneType: "mobile",
    });
  });

  it("is none when none can be called, and as declared before anybody has looked", () => {
    expect(golden(raw, validated(null))).toEqual({ phones: [{ e164: "+40722000000" }] });
    expect(golden(raw)).toEqual({ phone: "0722/000000" });
  });
});
