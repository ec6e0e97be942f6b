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
  /** All periods of VAT registration, as the register lists them; `to` null: still open. */
  vatPeriods: z.array(z.object({ from: Day, to: Day })).max(100),
  /** VAT is due when the invoice is paid ("TVA la încasare"). */
  cashVat: Flag,
  cashVatSince: Day,
  cashVatUntil: Day,
  splitVat: Flag,
  splitVatSince: Day,
  splitVatUntil: Day,
  /** Declared inactive by the tax authority: it may not do business. */
  inactive: Flag,
  inactiveSince: Day,
  /** The end of an inactivity that is over. */
  reactivatedOn: Day,
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
      vatPeriods: company.vat.periods.slice(0, 100).map(({ from, to }) => ({ from, to })),
      cashVat: company.cashVat.active,
      cashVatSince: company.cashVat.from,
      cashVatUntil: company.cashVat.to,
      splitVat: company.splitVat.active,
      splitVatSince: company.splitVat.from,
      splitVatUntil: company.splitVat.to,
      inactive: company.inactive.inactive,
      inactiveSince: company.inactive.inactive ? company.inactive.from : null,
      reactivatedOn: company.inactive.reactivatedOn,
      eInvoiceUnreliable: company.eInvoice,
      taxOffice: company.taxOffice,
    })),
  ],
});
