/** ANAF: taxpayers by tax id, free, a hundred at a time. Facts, limits and their source: client.ts. */
import { z } from "zod";
import { defineProvider, type ProviderOperation } from "#src/platform/provider.ts";
import { ANAF, createAnafClient, MAX_TAX_IDS } from "./client.ts";
import type { AnafRecord } from "./schemas.ts";

export const anaf = defineProvider({
  slug: ANAF,
  env: { ANAF_BASE_URL: z.url().default("https://webservicesp.anaf.ro") },
  connect({ ANAF_BASE_URL: baseUrl }) {
    const client = createAnafClient({ baseUrl });
    const taxpayers: ProviderOperation<number, AnafRecord> = {
      name: "taxpayers",
      limit: {
        name: ANAF,
        windows: [{ limit: 1, periodMs: 1_000 }],
        // An answer takes about 2 s: while it is awaited, others have their turn.
        inFlight: 4,
        rank: 0,
      },
      price: { costMicros: 0, chargedFor: "nothing" },
      batchSize: MAX_TAX_IDS,
      repeatable: true,
      keyOf: String,
      async ask(cuis, { signal, onSent, asOf, logger }) {
        const { found, notFound, unattributed } = await client.taxpayers(cuis, asOf, { signal, onSent });
        const malformed = [...found.values()].flatMap((entry) =>
          "malformed" in entry ? entry.malformed : [],
        );
        if (malformed.length > 0 || unattributed > 0) {
          // Paths, not values.
          logger.warn({ provider: ANAF, malformed, unattributed }, "records that we cannot read");
        }
        const answers = new Map();
        for (const cui of cuis) {
          const body = found.get(cui);
          if (body) answers.set(String(cui), { status: "found", body });
          else if (notFound.has(cui)) answers.set(String(cui), { status: "not_found" });
        }
        return answers;
      },
    };
    return { taxpayers };
  },
});
