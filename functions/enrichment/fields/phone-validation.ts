import { z } from "zod";
import type { Target } from "#db/queries/field-values.ts";
import { bestPhone, type Phone, phoneInDoubt, readPhones, withLookup } from "#src/domain/phone/phones.ts";
import { TWILIO } from "#src/providers/twilio/client.ts";
import { askProvider } from "../ask-provider.ts";
import { defineField } from "../define-field.ts";
import type { Source, SourceAnswer } from "../source.ts";

const PhoneType = z.enum([
  "mobile",
  "landline",
  "voip",
  "uan",
  "shared_cost",
  "toll_free",
  "premium",
  "other",
  "unknown",
]);

const PhoneValidation = z.object({
  /** E.164, each once. */
  phones: z.array(z.object({ e164: z.string(), type: PhoneType, valid: z.boolean(), source: z.string() })),
  /** The one to call, E.164; null: none of them can be. */
  phone: z.string().nullable(),
  phoneType: PhoneType.nullable(),
});
type PhoneValidation = z.infer<typeof PhoneValidation>;

/** A number that fits the numbering plan is a number; whether somebody answers is another matter. */
const CONFIDENCE_PCT = { plan: 97, lookup: 98, doubt: 96 } as const;

const NUMBERING_PLAN = "libphonenumber";

function phonesOf({ values }: Target): Phone[] {
  const { "cui-validation": anaf, "web-content": web } = values;
  const onSite = Array.isArray(web?.webPhones) ? web.webPhones : [];
  const texts = [
    { text: anaf?.phone, source: "cui-validation" },
    ...onSite.map((phone: unknown) => ({
      text: (phone as { number?: unknown }).number,
      source: "web-content",
    })),
  ];
  return readPhones(
    texts.flatMap(({ text, source }) => (typeof text === "string" ? [{ text, source }] : [])),
  );
}

function toValue(phones: Phone[]): PhoneValidation {
  const best = bestPhone(phones);
  return { phones, phone: best?.e164 ?? null, phoneType: best?.type ?? null };
}

/** What the numbering plan alone says, for free; of numbers in doubt only when nobody else has resolved it. */
const fromNumberingPlan = (confidencePct: number, answersInDoubt: boolean): Source<PhoneValidation> => ({
  provider: NUMBERING_PLAN,
  async ask(deps, _key, targets) {
    return new Map(
      targets.map((target): [string, SourceAnswer<PhoneValidation>] => {
        const { id } = target;
        const phones = phonesOf(target);
        if (phones.length === 0 || (phoneInDoubt(phones) && !answersInDoubt))
          return [id, { status: "passed" }];
        const value = toValue(phones);
        return [id, { status: "found", value, confidencePct, snapshotId: null, observedAt: deps.now() }];
      }),
    );
  },
});

/**
 * The company's numbers, checked and told by type. Sources: Romania's numbering plan, which is free and settles nearly
 * all; Twilio only where the best number's type is in doubt; then the plan's word as it is. The order is fixed.
 */
export const phoneValidation = defineField({
  id: "phone-validation",
  schema: PhoneValidation,
  // Local work; the few look-ups keep to Twilio's own concurrency of ten.
  concurrency: 50,
  retries: 4,
  sources: [
    fromNumberingPlan(CONFIDENCE_PCT.plan, false),
    askProvider({
      provider: TWILIO,
      operation: (deps) => deps.providers.twilio?.lineType,
      subject(target) {
        const phone = phoneInDoubt(phonesOf(target));
        return phone && { e164: phone.e164 };
      },
      pick(line, target) {
        const phones = phonesOf(target);
        const doubtful = phoneInDoubt(phones);
        if (!doubtful) return null;
        return {
          value: toValue(withLookup(phones, { e164: doubtful.e164, valid: line.valid, type: line.type })),
          confidencePct: CONFIDENCE_PCT.lookup,
        };
      },
    }),
    fromNumberingPlan(CONFIDENCE_PCT.doubt, true),
  ],
});
