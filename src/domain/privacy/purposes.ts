/**
 * The legal-basis register as an installation has it at first: why we process personal data, on which basis, what of it
 * and for how long. After the project's document on personal data: legitimate interest for business contacts of farms and
 * cooperatives, with its three conditions, and the retention periods. A workspace's own words come before these.
 */

/** Art. 6(1) GDPR, (a) to (f). What `legal_basis` of prospects and values, and entries of the audit trail, name. */
export const legalBases = [
  "consent",
  "contract",
  "legal_obligation",
  "vital_interests",
  "public_task",
  "legitimate_interest",
] as const;
export type LegalBasis = (typeof legalBases)[number];

export interface ProcessingPurpose {
  /** Its name in the API, snake_case. */
  purpose: string;
  title: string;
  legalBasis: LegalBasis;
  /** The balancing test for legitimate interest (LIA); for other bases what they rest on. */
  assessment: string;
  /** Where the signed document is filed; null: the assessment above is all there is. */
  assessmentReference: string | null;
  dataCategories: readonly string[];
  /** In words; what is removed when is in retention-periods.ts. */
  retention: string;
}

export const defaultPurposes: readonly ProcessingPurpose[] = [
  {
    purpose: "b2b_prospecting",
    title: "Finding, enriching and contacting business prospects in agriculture",
    legalBasis: "legitimate_interest",
    assessment:
      "Lawful interest: business-to-business prospecting to farms and cooperatives serves a commercial purpose. " +
      "Necessity: there is no less intrusive way to reach Romanian agricultural businesses. Balance: business contacts " +
      "reasonably expect professional communications; only business contact data is used, personal numbers (CNP) are " +
      "never collected, every message offers an objection, and an objection is honoured at once and for ever.",
    assessmentReference: null,
    dataCategories: [
      "name and tax id of the business",
      "business e-mail address and phone number",
      "website and what it says of the business",
      "registration, tax and financial data of the business",
    ],
    retention: "24 months from the last interaction",
  },
  {
    purpose: "public_registers",
    title: "Keeping what public registers say of businesses",
    legalBasis: "legitimate_interest",
    assessment:
      "The registers are public by law so that businesses can be known to each other. Of companies the row is no personal " +
      "data. Of sole traders (PFA, II, IF) it is: theirs is kept for prospecting only, no longer than the rest of it.",
    assessmentReference: null,
    dataCategories: ["name, tax id, seat, activities and state of the business"],
    retention: "Until outdated or objection; of sole traders no longer than for prospecting",
  },
  {
    purpose: "customer_relationship",
    title: "Serving customers, and keeping the records of it",
    legalBasis: "contract",
    assessment:
      "The contract with the customer, and the general time bars of the Romanian civil code after it.",
    assessmentReference: null,
    dataCategories: ["name, e-mail address and phone number of contacts at customers", "correspondence"],
    retention: "The business relationship and 6 years",
  },
  {
    purpose: "suppression",
    title: "Remembering who must not be contacted",
    legalBasis: "legal_obligation",
    assessment:
      "Art. 21(3) GDPR: after an objection the data is no longer used for direct marketing, which needs a record of it. " +
      "Kept as keyed hashes, from which no address can be read.",
    assessmentReference: null,
    dataCategories: ["keyed hashes of e-mail addresses, domains, phone numbers and tax ids"],
    retention: "Indefinite",
  },
  {
    purpose: "security_audit",
    title: "Showing who did what to which data",
    legalBasis: "legitimate_interest",
    assessment:
      "Security of processing and accountability (Art. 5(2) and 32 GDPR) cannot be shown without a trail. It names users " +
      "and what they did, not the content of what they saw.",
    assessmentReference: null,
    dataCategories: ["ids of users and keys, their actions and IP addresses"],
    retention: "3 years",
  },
];
