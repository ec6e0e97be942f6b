import { z } from "zod";
import type { Target } from "#db/queries/field-values.ts";
import { companyFacts } from "#src/domain/registry/company-facts.ts";
import { defineField } from "../define-field.ts";
import type { Source } from "../source.ts";

const CompanyRegistry = z.object({
  /** As the trade register's nomenclature words it. */
  registryState: z.string().nullable(),
  legalForm: z.string().nullable(),
  soleTrader: z.boolean(),
  /** CAEN class, four digits, the first agricultural one where there is any. */
  registryActivity: z.string().nullable(),
  registryActivityRevision: z.number().int().nullable(),
  registryActivities: z.array(z.object({ code: z.string(), revision: z.number().int().nullable() })).max(50),
});

/** What the trade register's open data say: they came with the import, and are made comparable here. */
const fromOpenData: Source<z.infer<typeof CompanyRegistry>> = {
  provider: "onrc",
  async ask(deps, _key, targets) {
    const observedAt = deps.now();
    return new Map(
      targets.map((target) => {
        const value = companyFacts(target);
        return [
          target.id,
          value
            ? {
                status: "found" as const,
                value,
                confidencePct: confidenceOf(target),
                snapshotId: null,
                observedAt,
              }
            : { status: "notFound" as const, snapshotId: null, observedAt },
        ];
      }),
    );
  },
};

/** The register's word is good once the tax authority knows the same company: decision 0006. */
const confidenceOf = ({ values }: Target): number => (values["cui-validation"] ? 90 : 60);

/** State, legal form and activities in the trade register. Source: ONRC open data, imported with the prospects. */
export const companyRegistry = defineField({
  id: "company-registry",
  schema: CompanyRegistry,
  concurrency: 10,
  retries: 4,
  sources: [fromOpenData],
});
