/** Readers for what stands in webhooks: instants and addresses in the forms that providers write them in. */
import { z } from "zod";
import { cleanEmail } from "#src/domain/contact/email-address.ts";
import { readPhones } from "#src/domain/phone/phones.ts";

const [EARLIEST, LATEST] = [Date.UTC(2000, 0), Date.UTC(2100, 0)];

/** ISO 8601, or `2026-01-08 10:35:18 +0200`. */
export const instant = z
  .string()
  .max(64)
  .transform((text) => {
    const spaced = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d+)?) ?([+-]\d{2}):?(\d{2})?$/.exec(
      text.trim(),
    );
    const iso = spaced ? `${spaced[1]}T${spaced[2]}${spaced[3]}:${spaced[4] ?? "00"}` : text;
    return new Date(iso);
  })
  .refine((date) => date.getTime() > EARLIEST && date.getTime() < LATEST);

/** A provider's id, also as a number. Null: none. */
export const ref = z
  .union([z.string(), z.number()])
  .nullish()
  .transform((id) => (id === null || id === undefined || id === "" ? null : String(id)));

/** What somebody has written. Null: nothing. */
export const written = z
  .string()
  .nullish()
  .transform((text) => text?.trim() || null);

/**
 * `Ion <ion@ferma.ro>` or the address alone, in lower case. What is no address to us comes back as it is, so that who
 * complains or unsubscribes is told of also then.
 */
export function emailOf(text: string | null | undefined): string | null {
  if (!text) return null;
  const address = /<([^<>]+)>\s*$/.exec(text)?.[1] ?? text;
  return cleanEmail(address) ?? (address.trim().toLowerCase().slice(0, 254) || null);
}

/** E.164; what is no phone number to us comes back as it is. */
export function phoneOf(text: string | null | undefined): string | null {
  if (!text) return null;
  return readPhones([{ text, source: "webhook" }])[0]?.e164 ?? (text.trim().slice(0, 40) || null);
}
