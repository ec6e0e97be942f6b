import { z } from "zod";
import { defineField } from "../define-field.ts";
import { referenceByName } from "../reference-source.ts";

const LandImprovement = z.object({
  /** An organisation of water users (OUAI), or a federation of them (FOUAI). */
  waterOrganisation: z.enum(["OUAI", "FOUAI"]),
  irrigationSystem: z.string().nullable(),
  irrigatedSurfaceHa: z.number().nullable(),
});

/** Is it an organisation of water users? Source: ANIF's lists, imported as files (CSV, workbook, PDF table). */
export const landImprovement = defineField({
  id: "land-improvement",
  schema: LandImprovement,
  concurrency: 5,
  retries: 4,
  sources: [
    referenceByName({
      dataset: "land-improvement",
      provider: "anif",
      confidencePct: 95,
      pick([row]) {
        const body = row?.body ?? {};
        return {
          waterOrganisation: body.organisation === "FOUAI" ? ("FOUAI" as const) : ("OUAI" as const),
          irrigationSystem: typeof body.irrigationSystem === "string" ? body.irrigationSystem : null,
          irrigatedSurfaceHa: typeof body.surfaceHa === "number" ? body.surfaceHa : null,
        };
      },
    }),
  ],
});
