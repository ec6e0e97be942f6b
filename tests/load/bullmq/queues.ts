/**
 * The 13 queues of document 000 (`ENRICHMENT_QUEUES`) with the concurrency that it declares. BullMQ takes no ":" in
 * names any more. `fields`: the lines of our plan that a queue works on; what the document does not know goes with its
 * nearest kin. A field of the plan that is missing here gets a queue of its own.
 */
export interface QueueOptions {
  name: string;
  concurrency: number;
  fields: readonly string[];
}

const DOCUMENT: readonly QueueOptions[] = [
  { name: "anaf.cui-validation", concurrency: 50, fields: ["cui-validation"] },
  { name: "anaf.fiscal-status", concurrency: 30, fields: ["fiscal-status"] },
  { name: "onrc.company-lookup", concurrency: 20, fields: ["company-registry", "financials-bulk"] },
  { name: "termene.legal-data", concurrency: 15, fields: ["legal-data", "financials"] },
  { name: "apia.farmer-registry", concurrency: 10, fields: ["farmer-registry"] },
  { name: "anif.ouai-lookup", concurrency: 5, fields: ["land-improvement"] },
  { name: "email.discovery", concurrency: 30, fields: ["email-discovery"] },
  { name: "email.verification", concurrency: 100, fields: ["email-verification"] },
  { name: "phone.validation", concurrency: 50, fields: ["phone-validation"] },
  { name: "web.content-extraction", concurrency: 20, fields: ["web-content", "web-discovery"] },
  { name: "web.tech-detection", concurrency: 10, fields: ["tech-detection"] },
  { name: "aggregation.merge", concurrency: 50, fields: ["merge"] },
  { name: "aggregation.quality-score", concurrency: 30, fields: ["quality-score"] },
];

const OTHER_CONCURRENCY = 20;

/** The queues for a plan's fields and stages. */
export function queuesOf(ids: readonly string[]): QueueOptions[] {
  const known = new Set(DOCUMENT.flatMap(({ fields }) => fields));
  const others = ids.filter((id) => !known.has(id));
  return [...DOCUMENT, ...others.map((id) => ({ name: id, concurrency: OTHER_CONCURRENCY, fields: [id] }))];
}
