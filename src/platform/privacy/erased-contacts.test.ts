import { expect, it } from "vitest";
import { type IsErased, withoutErased } from "./erased-contacts.ts";

const isErased: IsErased = ({ kind, value }) =>
  (kind === "email" && value.toLowerCase() === "ion@ferma.ro") ||
  (kind === "phone" && value.replace(/\D/g, "").endsWith("712345678"));

it.each([
  [{ email: "ana@ferma.ro" }, { email: "ana@ferma.ro" }],
  [{ email: "ION@ferma.ro" }, null],
  [{ phone: "0712 345 678", name: "X" }, null],
  [
    { contacts: [{ email: "ion@ferma.ro" }, { email: "ana@ferma.ro" }] },
    { contacts: [{ email: "ana@ferma.ro" }] },
  ],
  [
    { emails: ["ion@ferma.ro", "ana@ferma.ro"], note: null },
    { emails: ["ana@ferma.ro"], note: null },
  ],
  [
    { list: [null, 3, "x"], at: 5 },
    { list: [null, 3, "x"], at: 5 },
  ],
])("of %j is kept %j", (value, kept) => {
  expect(withoutErased(value, isErased)).toEqual(kept);
});
