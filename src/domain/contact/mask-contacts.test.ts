import fc from "fast-check";
import { expect, it } from "vitest";
import { maskContacts } from "./mask-contacts.ts";

it.each([
  ["sent to ion.popescu@ferma.ro, refused", "sent to [e-mail], refused"],
  ["<Ana+x@a.b.example>", "<[e-mail]>"],
  ["call 0712345678 now", "call [phone] now"],
  ["call 0712 345 678", "call [phone]"],
  ["tel:+40 712 345 678", "tel:[phone]"],
  ["(021) 310.12.34", "[phone]"],
  ["+40-21-310-1234!", "[phone]!"],
  ["0040712345678", "[phone]"],
])("%s -> %s", (text, masked) => {
  expect(maskContacts(text)).toBe(masked);
});

it.each([
  "chunk 0192f3c4-7d1e-7000-8000-0712345678ab failed",
  "2026-11-22T07:12:34.567Z",
  "took 712345678 ns",
  "at file.ts:12:34",
  "cui 14399840",
])("leaves %s as it is", (text) => {
  expect(maskContacts(text)).toBe(text);
});

it("leaves no address behind, whatever stands around it", () => {
  const around = fc.string({ maxLength: 20 });
  fc.assert(
    fc.property(around, around, (before, after) => {
      expect(maskContacts(`${before} ion@ferma.ro ${after}`)).not.toContain("ion@ferma.ro");
    }),
  );
});
