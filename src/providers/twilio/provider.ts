import { z } from "zod";
import { type Answer, defineProvider, type ProviderOperation } from "#src/platform/provider.ts";
import { hashedKey } from "../subject-key.ts";
import { createTwilioClient, TWILIO, type TwilioClient } from "./client.ts";
import type { TwilioLine } from "./schemas.ts";

export interface TwilioSubject {
  e164: string;
}

/**
 * One look-up of a line's type: $0.008 (seed 000; Twilio's price list was not read), taken as 7,400 micro-euros.
 * Charged when the line was looked up; the validation alone is free.
 */
export const TWILIO_LOOKUP_MICROS = 7_400;

const lineType = (client: TwilioClient): ProviderOperation<TwilioSubject, TwilioLine> => ({
  name: "line-type",
  // Twilio limits how many are under way; the rate is what ten of them can do in a second, at 250 ms each.
  limit: { name: TWILIO, windows: [{ limit: 40, periodMs: 1_000 }], inFlight: 10 },
  price: { costMicros: TWILIO_LOOKUP_MICROS, chargedFor: "answered" },
  batchSize: 1,
  repeatable: false,
  keyOf,
  async ask(subjects, context) {
    const answers = new Map<string, Answer<TwilioLine>>();
    for (const subject of subjects) {
      const body = await client.lineType(subject.e164, context);
      const costMicros = body.lookedUp ? TWILIO_LOOKUP_MICROS : 0;
      answers.set(keyOf(subject), { status: "found", body, costMicros });
    }
    return answers;
  },
});

const keyOf = ({ e164 }: TwilioSubject): string => hashedKey(e164);

const env = {
  TWILIO_BASE_URL: z.url().default("https://lookups.twilio.com"),
  TWILIO_API_KEY_SID: z.string().min(1).optional(),
  TWILIO_API_KEY_SECRET: z.string().min(1).optional(),
};

/** Null without a key. */
function clientOf(given: z.output<z.ZodObject<typeof env>>): TwilioClient | null {
  const {
    TWILIO_BASE_URL: baseUrl,
    TWILIO_API_KEY_SID: apiKeySid,
    TWILIO_API_KEY_SECRET: apiKeySecret,
  } = given;
  return apiKeySid && apiKeySecret ? createTwilioClient({ baseUrl, apiKeySid, apiKeySecret }) : null;
}

export const twilio = defineProvider({
  slug: TWILIO,
  env,
  credentials: { apiKeySid: "TWILIO_API_KEY_SID", apiKeySecret: "TWILIO_API_KEY_SECRET" },
  connect(given) {
    const client = clientOf(given);
    return client && { lineType: lineType(client) };
  },
  async healthCheck(given, { signal }) {
    await clientOf(given)?.check({ signal });
  },
});
