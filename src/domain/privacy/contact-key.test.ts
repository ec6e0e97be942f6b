import { describe, expect, it } from "vitest";
import { type Contact, contactKey, suppressingContacts } from "./contact-key.ts";

describe("a contact's one spelling", () => {
  it.each<[Contact["kind"], string, string | null]>([
    ["email", " Ion.Popescu@Agro.RO ", "ion.popescu@agro.ro"],
    ["email", "ion.popescu", null],
    ["domain", "www.Agro.ro.", "agro.ro"],
    ["domain", "agro", null],
    ["phone", "0722 123 456", "+40722123456"],
    ["phone", "+40-722-123456", "+40722123456"],
    ["phone", "0040722123456", "+40722123456"],
    ["phone", "0722123456, 0733123456", null],
    ["phone", "12345", null],
    ["cui", "RO 14399840", "14399840"],
    ["cui", "14399841", null],
    // A personal number is no tax id.
    ["cui", "1800101221144", null],
  ])("%s %j is %j", (kind, value, key) => {
    expect(contactKey({ kind, value })).toBe(key);
  });
});

describe("what a contact may be suppressed by", () => {
  it("is itself, its domain and those above it", () => {
    expect(suppressingContacts({ kind: "email", value: "Office@mail.agro.ro" })).toEqual([
      { kind: "email", value: "office@mail.agro.ro" },
      { kind: "domain", value: "mail.agro.ro" },
      { kind: "domain", value: "agro.ro" },
    ]);
    expect(suppressingContacts({ kind: "domain", value: "agro.ro" })).toEqual([
      { kind: "domain", value: "agro.ro" },
    ]);
    expect(suppressingContacts({ kind: "phone", value: "0722123456" })).toEqual([
      { kind: "phone", value: "+40722123456" },
    ]);
  });

  it("is nothing for what is no contact", () => {
    expect(suppressingContacts({ kind: "email", value: "-" })).toEqual([]);
  });
});
