/**
 * A simulator of ANAF's service of financial statements: same URL, shapes, limit and odd ways, invented figures.
 * Beside the simulator of v9 on one server, both keep to one limit, as they do at ANAF.
 */
import { z } from "zod";
import type { AnafSimulator } from "../anaf/app.ts";
import { isAmong } from "../chance.ts";
import { commonBehaviour, defineSimulator } from "../kit.ts";
import { simulateStatement } from "./statement.ts";

const behaviour = {
  ...commonBehaviour,
  latencyMs: z.number().int().min(0).default(300),
  /** Share of companies that have filed nothing for a year. Sole traders never file. */
  notFiledPct: z.number().min(0).max(100).default(10),
};

const question = z.object({
  an: z.coerce.number().int().min(1990).max(2100),
  cui: z.coerce.number().int().positive(),
});

/** What the firewall takes for a person's browser. */
const BROWSER = /^Mozilla\/5\.0 \(/;

export const anafBilantSimulator = defineSimulator({
  slug: "anaf-bilant",
  behaviour,
  env: (baseUrl) => ({ ANAF_BILANT_BASE_URL: baseUrl }),
  routes(app, { behaviour, ledger, siblings, guard }) {
    const anaf = siblings.get("anaf") as AnafSimulator | undefined;
    const limit = guard(anaf ?? [{ limit: 1, periodMs: 1_000 }], (c) =>
      c.text("Too many requests (simulator)", 429),
    );
    app.get("/bilant", limit, (c) => {
      const parsed = question.safeParse(c.req.query());
      if (!parsed.success) {
        ledger().count("refused");
        return c.json({ message: "an and cui are expected (simulator)" }, 400);
      }
      const { an, cui } = parsed.data;
      const statement = simulateStatement(cui, an);
      if (!BROWSER.test(c.req.header("user-agent") ?? "")) {
        ledger().count("takenForBots");
        return c.json({ ...statement, i: [] });
      }
      if (statement.i.length === 0 || isAmong(cui, `not filed ${an}`, behaviour().notFiledPct)) {
        ledger().count("notFiled");
        if (isAmong(cui, "404", 20)) return c.json({ message: "Not found (simulator)" }, 404);
        if (isAmong(cui, "no body", 20)) return c.body(null, 200);
        return c.json({ ...statement, i: [] });
      }
      ledger().count("ok");
      return c.json(statement);
    });
  },
});
