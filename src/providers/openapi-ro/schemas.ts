/** What openapi.ro answers about a company, and what we make of it. Sources as in client.ts. */
import { z } from "zod";
import { blankToNull, taxId, text } from "../lenient.ts";

/** A company as openapi.ro describes it: identification only, no figures. Null: not in the answer. */
export interface OpenapiRoCompany {
  name: string | null;
  county: string | null;
  /** In the tax authority's words, such as "INREGISTRAT din data 12.03.2009". */
  registrationState: string | null;
  /** Struck off the register. */
  deregistered: boolean | null;
}

const company = z.looseObject({
  cif: taxId,
  denumire: text,
  judet: text,
  stare: text,
  radiata: z.preprocess(blankToNull, z.boolean().nullable()),
});

/**
 * @param cui the company that was asked about
 * @returns null when this is no answer about it
 */
export function readCompany(body: unknown, cui: number): OpenapiRoCompany | null {
  const parsed = company.safeParse(body);
  if (!parsed.success || parsed.data.cif !== cui) return null;
  const { denumire, judet, stare, radiata } = parsed.data;
  return { name: denumire, county: judet, registrationState: stare, deregistered: radiata };
}
