/** What Twilio Lookup v2 answers, and what we make of it. Sources as in client.ts. */
import { z } from "zod";
import type { PhoneType } from "#src/domain/phone/phones.ts";
import { text } from "../lenient.ts";

/** What is known of a number. It holds no number. */
export interface TwilioLine {
  valid: boolean;
  type: PhoneType;
  /** Of the line's network today, which may not be the one that the number was given out by. */
  carrier: string | null;
  /** Whether the line type was looked up, and so paid for. */
  lookedUp: boolean;
}

const TYPES: Record<string, PhoneType> = {
  mobile: "mobile",
  landline: "landline",
  fixedVoip: "voip",
  nonFixedVoip: "voip",
  uan: "uan",
  sharedCost: "shared_cost",
  tollFree: "toll_free",
  premium: "premium",
  personal: "other",
  voicemail: "other",
  pager: "other",
};

const answer = z.looseObject({
  valid: z.boolean(),
  line_type_intelligence: z
    .looseObject({ type: text, carrier_name: text, error_code: z.number().nullish() })
    .nullish(),
});

/** @returns null when this is no answer of the service */
export function readLine(body: unknown): TwilioLine | null {
  const parsed = answer.safeParse(body);
  if (!parsed.success) return null;
  const { valid, line_type_intelligence: line } = parsed.data;
  // A package that failed says so within HTTP 200.
  const lookedUp = line !== null && line !== undefined && (line.error_code ?? null) === null;
  return {
    valid,
    type: (lookedUp && TYPES[line.type ?? ""]) || "unknown",
    carrier: lookedUp ? line.carrier_name : null,
    lookedUp,
  };
}

const failure = z.looseObject({ code: z.number() });

/** Twilio's own code of an error; null where the body has none. */
export const errorCodeOf = (body: unknown): number | null => failure.safeParse(body).data?.code ?? null;
