import { z } from "zod";
import { askAnaf } from "../anaf-source.ts";
import { defineField } from "../define-field.ts";

const CuiValidation = z.object({
  name: z.string().nullable(),
  registrationNumber: z.string().nullable(),
  address: z.string().nullable(),
  postalCode: z.string().nullable(),
  /** Often the owner's own mobile: personal data. */
  phone: z.string().nullable(),
  /** CAEN code, four digits; the tax authority does not say of which revision. */
  mainActivity: z.string().nullable(),
  legalForm: z.string().nullable(),
  registeredOn: z.string().nullable(),
  /** The registration as the tax authority words it, such as "INREGISTRAT din data 12.03.2009". */
  registrationState: z.string().nullable(),
  deregistered: z.boolean(),
});

/** Does the tax authority know this tax id, and under which name and address? Source: ANAF v9. */
export const cuiValidation = defineField({
  id: "cui-validation",
  schema: CuiValidation,
  // ANAF takes about 2 s for a hundred ids: three in flight keep up with one request a second, two are spare.
  concurrency: 5,
  throttle: { limit: 1, period: "1s" },
  retries: 8,
  sources: [
    askAnaf((company) => ({
      name: company.name,
      registrationNumber: company.registrationNumber,
      address: company.address,
      postalCode: company.postalCode,
      phone: company.phone,
      mainActivity: company.caen,
      legalForm: company.legalForm,
      registeredOn: company.registeredOn,
      registrationState: company.registrationState,
      deregistered: company.deregistered,
    })),
  ],
});
