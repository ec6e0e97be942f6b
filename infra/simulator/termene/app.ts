/**
 * A simulator of termene.ro's API v2: one URL, Basic auth, a schema key that decides on the blocks of an answer.
 * Which blocks are confirmed and which are assumed: src/providers/termene/schemas.ts.
 */
import { z } from "zod";
import { PRICE_MICROS } from "#src/providers/termene/provider.ts";
import { simulateTaxpayer } from "../anaf/taxpayer.ts";
import { figuresOf } from "../anaf-bilant/statement.ts";
import { isAmong } from "../chance.ts";
import { simulatedCompany } from "../company.ts";
import { commonBehaviour, defineSimulator } from "../kit.ts";

const USERNAME = "simulated-user";
const PASSWORD = "simulated-password";
const SCHEMA_KEY = "simulated-schema-key";
const AUTHORIZATION = `Basic ${btoa(`${USERNAME}:${PASSWORD}`)}`;

const behaviour = {
  ...commonBehaviour,
  latencyMs: z.number().int().min(0).default(200),
  /** Companies that the subscription pays for; 0: no end. */
  quota: z.number().int().min(0).default(0),
  notFoundPct: z.number().min(0).max(100).default(4),
};

const question = z.object({ cui: z.int().positive(), schemaKey: z.string() });

export const termeneSimulator = defineSimulator({
  slug: "termene",
  behaviour,
  env: (baseUrl) => ({
    TERMENE_BASE_URL: baseUrl,
    TERMENE_USERNAME: USERNAME,
    TERMENE_PASSWORD: PASSWORD,
    TERMENE_SCHEMA_KEY: SCHEMA_KEY,
  }),
  routes(app, { behaviour, ledger, guard }) {
    const says = (message: string) => ({ errors: { message } });
    const limit = guard([{ limit: 20, periodMs: 1_000 }], (c) => c.json(says("Prea multe cereri"), 429));
    app.post("/v2", limit, async (c) => {
      if (c.req.header("authorization") !== AUTHORIZATION) return c.json(says("Autentificare esuata"), 401);
      const parsed = question.safeParse(await c.req.json().catch(() => null));
      if (!parsed.success) return c.json(says("Cerere invalida"), 400);
      const { cui, schemaKey } = parsed.data;
      if (schemaKey !== SCHEMA_KEY) return c.json(says("Cheie de configurare invalida"), 403);
      const book = ledger();
      const { quota, notFoundPct } = behaviour();
      if (quota > 0 && Object.keys(book.charges()).length >= quota)
        return c.json(says("Abonament epuizat"), 402);
      if (cui < 100 || isAmong(cui, "not in termene", notFoundPct)) {
        book.count("notFound");
        return c.json(says("CUI negasit"), 404);
      }
      book.count("ok");
      book.charge(String(cui), PRICE_MICROS);
      return c.json(companyOf(cui));
    });
  },
});

const RISKS = ["Scăzut", "Mediu", "Ridicat"] as const;

function companyOf(cui: number): Record<string, unknown> {
  const company = simulatedCompany(cui);
  const { date_generale: general, adresa_sediu_social: office } = simulateTaxpayer(cui, "2026-01-01");
  const place = office as Record<string, string>;
  const year = new Date().getFullYear() - 1;
  const figures = figuresOf(company, year);
  const withTrend = (valoare: number) => ({ valoare, tendinta: { valoare: 0 } });
  const last = {
    an: year,
    cifra_de_afaceri_neta: withTrend(figures.turnoverRon),
    profit_pierdere_neta: withTrend(figures.netResultRon),
    numar_mediu_angajati: withTrend(figures.employees),
    datorii: withTrend(figures.debtsRon),
  };
  return {
    firma: { cui, nume_recom: general.denumire, nume_mfinante: general.denumire, j: general.nrRegCom },
    adresa: {
      sediu_social: { judet: place.sdenumire_Judet, localitate: place.sdenumire_Localitate },
      anaf: { judet: place.sdenumire_Judet, localitate: place.sdenumire_Localitate, fax: " " },
    },
    cod_caen: { principal_recom: { cod: general.cod_CAEN, label: "Activitate (simulator)" } },
    // Sole traders file no statements.
    bilanturi_mfinante_scurte: company.isSoleTrader ? null : { ultimul_raportat: last, [`an_${year}`]: last },
    evaluare_termene: { nota: Math.round(100 - company.riskScore) / 10 },
    risc_insolventa_termene: { label: RISKS[Math.floor(company.riskScore / 34)] },
    datorii_anaf: { curent: { activa: company.taxDebtsRon > 0, total: company.taxDebtsRon } },
    nr_dosare_juridice: company.courtCases,
    nr_mentiuni_BPI: company.insolvent ? 3 : 0,
  };
}
