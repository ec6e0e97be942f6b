import { z } from "zod";
import { askAnaf } from "../anaf-source.ts";
import { defineField } from "../define-field.ts";

const Day = z.string().nullable();
/** Null: the register does not say. */
const Flag = z.boolean().nullable();

const FiscalStatus = z.object({
  vatRegistered: Flag,
  /** Start of the current VAT period. */
  vatSince: Day,
  /** VAT is due when the invoice is paid ("TVA la încasare"). */
  cashVat: Flag,
  splitVat: Flag,
  /** Declared inactive by the tax authority: it may not do business. */
  inactive: Flag,
  inactiveSince: Day,
  /** The register's e-invoice flag, which is false for firms that do use it: an indication only. */
  eInvoiceUnreliable: Flag,
  taxOffice: z.string().nullable(),
});

/** Is the company registered for VAT and active today? Source: ANAF v9. */
export const fiscalStatus = defineField({
  id: "fiscal-status",
  schema: FiscalStatus,
  // Served from the answer that cui-validation bought; ANAF is asked only where that is missing.
  concurrency: 5,
  throttle: { limit: 1, period: "1s" },
  retries: 8,
  sources: [
    askAnaf((company) => ({
      vatRegistered: company.vat.registered,
      vatSince: company.vat.periods.find((period) => period.to === null)?.from ?? null,
      cashVat: company.cashVat.active,
      splitVat: company.splitVat.active,
      inactive: company.inactive.inactive,
      inactiveSince: company.inactive.inactive ? company.inactive.from : null,
      eInvoiceUnreliable: company.eInvoice,
      taxOffice: company.taxOffice,
    })),
  ],
});
