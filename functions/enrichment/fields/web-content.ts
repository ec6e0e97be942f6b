import { z } from "zod";
import { companyEmail, contactsOf } from "#src/domain/web/contacts.ts";
import { ownershipOf } from "#src/domain/web/ownership.ts";
import { defineField } from "../define-field.ts";
import { siteSources } from "../site-source.ts";

/** The page, and a few words around what was found on it. */
const evidence = { url: z.string(), snippet: z.string() };

const WebContent = z.object({
  /** The company's general address; null: only others' addresses, or none, stand there. */
  email: z.string().nullable(),
  webEmails: z.array(z.object({ address: z.string(), ...evidence })),
  /** As written on the site; phone-validation reads them. */
  webPhones: z.array(z.object({ number: z.string(), ...evidence })),
  /** In the site's own words. */
  companyDescription: z.string().nullable(),
  socialProfiles: z.array(z.string()),
});

/** The better it is proved that the site is the company's, the more its contact data are worth. */
const CONFIDENCE_PCT = { tax_id: 90, name: 80, none: 60 } as const;

/** Contact data and description from the company's own site. Sources: the site, through ScrapingBee if need be. */
export const webContent = defineField({
  id: "web-content",
  schema: WebContent,
  // Mostly served from what web-discovery has fetched.
  concurrency: 20,
  retries: 4,
  sources: siteSources(({ domain, pages }, { cui, name }) => {
    const { emails, phones, social } = contactsOf(pages);
    const companyDescription = pages[0]?.description ?? null;
    if (emails.length + phones.length + social.length === 0 && companyDescription === null) return null;
    const value = {
      email: companyEmail(emails, domain),
      webEmails: emails,
      webPhones: phones,
      companyDescription,
      socialProfiles: social,
    };
    return { value, confidencePct: CONFIDENCE_PCT[ownershipOf({ cui, name }, pages).proof] };
  }),
});
