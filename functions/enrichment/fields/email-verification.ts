import { ZEROBOUNCE } from "#src/providers/zerobounce/client.ts";
import type { ZeroBounceResult } from "#src/providers/zerobounce/schemas.ts";
import { askProvider } from "../ask-provider.ts";
import { defineField } from "../define-field.ts";
import { EmailVerification, emailCandidates, verificationOf } from "../email-facts.ts";
import type { Source } from "../source.ts";

/** How many of a company's addresses are checked until one turns out to be of use. */
const MAX_CHECKED = 3;

/**
 * Can mail be delivered to this company's address? Source: ZeroBounce. The best address known is checked, and the next
 * best only where that must not be used; what was found out about the last one checked stands.
 */
export const emailVerification = defineField({
  id: "email-verification",
  schema: EmailVerification,
  // A chunk is one batch, and ZeroBounce takes 30 of those a minute.
  concurrency: 5,
  throttle: { limit: 30, period: "1m" },
  retries: 8,
  sources: Array.from({ length: MAX_CHECKED }, (_, place) => check(place)),
});

/** Checks the address at this place among the candidates. */
function check(place: number): Source<EmailVerification> {
  return askProvider<string, ZeroBounceResult, EmailVerification>({
    provider: ZEROBOUNCE,
    operation: (deps) => deps.providers.zerobounce?.validateBatch,
    subject: (target) => emailCandidates(target)[place] ?? null,
    pick(result, target) {
      const verification = verificationOf(result);
      const isLast = place + 1 === Math.min(emailCandidates(target).length, MAX_CHECKED);
      return verification.value.email !== null || isLast ? verification : null;
    },
  });
}
