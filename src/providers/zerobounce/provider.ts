import { z } from "zod";
import { type Answer, defineProvider, type ProviderOperation } from "#src/platform/provider.ts";
import { hashedKey } from "../subject-key.ts";
import { createZeroBounceClient, MAX_ADDRESSES, ZEROBOUNCE, type ZeroBounceClient } from "./client.ts";
import type { ZeroBounceResult } from "./schemas.ts";

/** ZeroBounce ONE: 99 USD for 10,000 credits (zerobounce.net/pricing, 2026-08-13), at an assumed 0.92 EUR a USD. */
export const ZEROBOUNCE_CREDIT_MICROS = 9_100;

const shared = {
  price: { costMicros: ZEROBOUNCE_CREDIT_MICROS, chargedFor: "answered" },
  repeatable: false,
  keyOf: (email: string) => hashedKey(email),
} as const;

/** `unknown` is not charged. */
const toAnswer = (body: ZeroBounceResult): Answer<ZeroBounceResult> =>
  body.status === "unknown" ? { status: "found", body, costMicros: 0 } : { status: "found", body };

/** One address, at once. */
const validate = (client: ZeroBounceClient): ProviderOperation<string, ZeroBounceResult> => ({
  ...shared,
  name: "validate",
  limit: { name: "zerobounce-validate", windows: [{ limit: 80_000, periodMs: 10_000 }], inFlight: 50 },
  batchSize: 1,
  async ask(emails, context) {
    const answers = new Map<string, Answer<ZeroBounceResult>>();
    for (const email of emails)
      answers.set(shared.keyOf(email), toAnswer(await client.validate(email, context)));
    return answers;
  },
});

/** Many addresses: 3,000 a minute. */
const validateBatch = (client: ZeroBounceClient): ProviderOperation<string, ZeroBounceResult> => ({
  ...shared,
  name: "validatebatch",
  limit: { name: "zerobounce-validatebatch", windows: [{ limit: 30, periodMs: 60_000 }], inFlight: 5 },
  batchSize: MAX_ADDRESSES,
  async ask(emails, context) {
    const results = await client.validateBatch(emails, context);
    return new Map(
      emails.flatMap((email) => {
        const result = results.get(email);
        return result ? [[shared.keyOf(email), toAnswer(result)] as const] : [];
      }),
    );
  },
});

const env = {
  ZEROBOUNCE_BASE_URL: z.url().default("https://api-eu.zerobounce.net/v2"),
  ZEROBOUNCE_API_KEY: z.string().min(1).optional(),
};

function connectClient({
  ZEROBOUNCE_BASE_URL: baseUrl,
  ZEROBOUNCE_API_KEY: apiKey,
}: z.output<z.ZodObject<typeof env>>) {
  return apiKey ? createZeroBounceClient({ baseUrl, apiKey }) : null;
}

export const zerobounce = defineProvider({
  slug: ZEROBOUNCE,
  env,
  credentials: { apiKey: "ZEROBOUNCE_API_KEY" },
  connect(given) {
    const client = connectClient(given);
    return client && { validate: validate(client), validateBatch: validateBatch(client) };
  },
  async healthCheck(given, { signal }) {
    await connectClient(given)?.checkAccount({ signal });
  },
});
