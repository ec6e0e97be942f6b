/**
 * A simulator of listafirme.ro's API v3: a form with a key and the fields wanted, errors with status 200, numbers as
 * text, credits charged for the fields that are returned.
 */
import { z } from "zod";
import { simulateTaxpayer } from "../anaf/taxpayer.ts";
import { figuresOf } from "../anaf-bilant/statement.ts";
import { isAmong } from "../chance.ts";
import { simulatedCompany } from "../company.ts";
import { commonBehaviour, defineSimulator } from "../kit.ts";

const API_KEY = "simulated-key";

const behaviour = {
  ...commonBehaviour,
  latencyMs: z.number().int().min(0).default(250),
  /** Credits of the account. */
  credits: z.number().int().min(0).default(1_000_000),
  /** What one credit costs, in micro-euros; as our app is told by LISTAFIRME_CREDIT_PRICE_MICROS. */
  creditMicros: z.number().int().min(0).default(20_000),
  notFoundPct: z.number().min(0).max(100).default(6),
};

const wanted = z.looseObject({ TaxCode: z.string().regex(/^\d{2,10}$/) });

/** In credits: of the vendor's page on v1, but for Balance, which it does not have. An answer costs whole credits. */
const PRICES: Record<string, number> = {
  TaxCode: 0,
  Name: 0.05,
  Status: 0.05,
  LegalForm: 0.05,
  Date: 0.05,
  County: 0.05,
  City: 0.05,
  NACE: 0.11,
  Balance: 1,
};

export const listafirmeSimulator = defineSimulator({
  slug: "listafirme",
  behaviour,
  env: (baseUrl) => ({ LISTAFIRME_BASE_URL: baseUrl, LISTAFIRME_API_KEY: API_KEY }),
  routes(app, { behaviour, ledger, guard }) {
    const failure = (errorCode: string, error: string) => ({ errorCode, error });
    let creditsUsed = 0;
    const limit = guard([{ limit: 10, periodMs: 1_000 }], (c) =>
      c.json(failure("API_BUSY_RETRY", "API is busy, retry later")),
    );
    app.post("/api/info-v3.asp", limit, async (c) => {
      const form = new URLSearchParams(await c.req.text());
      if (form.get("key") !== API_KEY) return c.json(failure("API_KEY_INVALID", "Invalid API key"));
      const parsed = wanted.safeParse(parseJson(form.get("data")));
      if (!parsed.success) return c.json(failure("DATA_INVALID", "Invalid data"));
      const { TaxCode, ...fields } = parsed.data;
      const book = ledger();
      const cui = Number(TaxCode);
      if (cui < 100 || isAmong(cui, "not in listafirme", behaviour().notFoundPct)) {
        book.count("notFound");
        return c.json(failure("TAX_CODE_NOT_FOUND", "Tax code not found"));
      }
      const answer = companyOf(cui, Object.keys(fields));
      const cost = Math.ceil(Object.keys(answer).reduce((sum, field) => sum + (PRICES[field] ?? 0), 0));
      if (creditsUsed + cost > behaviour().credits) return c.json(failure("NO_VIEWS_LEFT", "No views left"));
      creditsUsed += cost;
      book.count("ok");
      book.charge(TaxCode, cost * behaviour().creditMicros);
      return c.json({ ...answer, cost: String(cost), views: String(behaviour().credits - creditsUsed) });
    });
  },
});

/** The fields that were asked for and that there are. */
function companyOf(cui: number, fields: readonly string[]): Record<string, unknown> {
  const company = simulatedCompany(cui);
  const { date_generale: general, adresa_sediu_social: office } = simulateTaxpayer(cui, "2026-01-01");
  const place = office as Record<string, string>;
  const year = new Date().getFullYear() - 1;
  const figures = figuresOf(company, year);
  const all: Record<string, unknown> = {
    Name: general.denumire,
    Status: statusOf(company.insolvent, String(general.stare_inregistrare)),
    LegalForm: company.isSoleTrader ? "PFA" : "SRL",
    Date: String(general.data_inregistrare).replaceAll("-", "/"),
    County: place.sdenumire_Judet,
    City: place.sdenumire_Localitate,
    NACE: general.cod_CAEN,
    // Sole traders file no statements.
    ...(company.isSoleTrader
      ? {}
      : {
          Balance: [
            {
              Year: String(year),
              Turnover: String(figures.turnoverRon),
              NetProfit: String(figures.netResultRon),
              Employees: String(figures.employees),
              Debts: String(figures.debtsRon),
            },
          ],
        }),
  };
  const asked = Object.entries(all).filter(([field]) => fields.includes(field));
  return { TaxCode: String(cui), ...Object.fromEntries(asked) };
}

function statusOf(insolvent: boolean, registration: string): string {
  if (registration.startsWith("RADIERE")) return "radiata";
  return insolvent ? "insolventa" : "functiune";
}

function parseJson(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return null;
  }
}
