/** A simulator of openapi.ro: identification data of companies, a hundred requests a month. */
import { z } from "zod";
import { simulateTaxpayer } from "../anaf/taxpayer.ts";
import { isAmong } from "../chance.ts";
import { commonBehaviour, defineSimulator } from "../kit.ts";

const API_KEY = "simulated-key";

const behaviour = {
  ...commonBehaviour,
  latencyMs: z.number().int().min(0).default(150),
  /** Requests that the account has left this month. */
  quota: z.number().int().min(0).default(100),
  notFoundPct: z.number().min(0).max(100).default(3),
};

export const openapiRoSimulator = defineSimulator({
  slug: "openapi-ro",
  behaviour,
  env: (baseUrl) => ({ OPENAPI_RO_BASE_URL: baseUrl, OPENAPI_RO_API_KEY: API_KEY }),
  routes(app, { behaviour, ledger, guard }) {
    const failure = (code: string, description: string) => ({ error: { code, description } });
    let used = 0;
    const limit = guard([{ limit: 5, periodMs: 1_000 }], (c) => {
      c.header("retry-after", "1");
      return c.json(failure("TOO_MANY_REQUESTS", "Too many requests"), 429);
    });
    app.get("/api/companies/:cif", limit, (c) => {
      if (c.req.header("x-api-key") !== API_KEY) return c.json(failure("FORBIDDEN", "Invalid key"), 403);
      if (used >= behaviour().quota) {
        ledger().count("pastQuota");
        return c.json(failure("QUOTA_EXCEEDED", "Monthly quota exceeded"), 429);
      }
      used++;
      const cui = Number(c.req.param("cif"));
      if (!Number.isInteger(cui) || cui < 10) return c.json(failure("INVALID_CIF", "Invalid CIF"), 400);
      if (isAmong(cui, "not in openapi.ro", behaviour().notFoundPct)) {
        ledger().count("notFound");
        return c.json(failure("NOT_FOUND", "Company not found"), 404);
      }
      ledger().count("ok");
      return c.json(companyOf(cui));
    });
  },
});

function companyOf(cui: number): Record<string, unknown> {
  const {
    date_generale: general,
    adresa_sediu_social: office,
    ...taxes
  } = simulateTaxpayer(cui, "2026-01-01");
  const { scpTVA } = taxes.inregistrare_scop_Tva as { scpTVA: boolean };
  const state = String(general.stare_inregistrare);
  return {
    cif: String(cui),
    denumire: general.denumire,
    adresa: general.adresa,
    judet: (office as Record<string, string>).sdenumire_Judet,
    numar_reg_com: general.nrRegCom,
    cod_postal: general.codPostal,
    telefon: general.telefon,
    fax: general.fax,
    radiata: state.startsWith("RADIERE"),
    // A day, not a flag.
    tva: scpTVA ? general.data_inregistrare : null,
    stare: state,
    meta: { updated_at: "2026-01-01T00:00:00.000Z" },
  };
}
