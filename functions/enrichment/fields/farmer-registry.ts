import { z } from "zod";
import { defineField } from "../define-field.ts";
import { referenceByName } from "../reference-source.ts";

const FarmerRegistry = z.object({
  /** It was paid by the common agricultural policy in one of the years that were imported. */
  farmPaymentsReceived: z.boolean(),
  farmPaymentsEuros: z.number(),
  /** The newest year, such as 2024. */
  farmPaymentsYear: z.number().int(),
  farmMeasures: z.array(z.string()).max(20),
});

/**
 * Is the company a paid farmer? Source: payments of the common agricultural policy, imported as files. They carry no tax
 * id, so they are matched by name and place; see src/domain/matching.
 */
export const farmerRegistry = defineField({
  id: "farmer-registry",
  schema: FarmerRegistry,
  // Local look-ups: as many as the pool of connections bears.
  concurrency: 10,
  retries: 4,
  sources: [
    referenceByName({
      dataset: "farm-payments",
      provider: "afir-payments",
      confidencePct: 95,
      pick(rows) {
        const year = rows[0]?.year ?? null;
        if (year === null) return null;
        const newest = rows.filter((row) => row.year === year);
        const amount = newest.reduce((sum, { body }) => sum + Number(body.amountEuros ?? 0), 0);
        const measures = newest.flatMap(({ body }) =>
          typeof body.measure === "string" ? [body.measure] : [],
        );
        return {
          farmPaymentsReceived: true,
          farmPaymentsEuros: Math.round(amount * 100) / 100,
          farmPaymentsYear: year,
          farmMeasures: [...new Set(measures)].slice(0, 20),
        };
      },
    }),
  ],
});
