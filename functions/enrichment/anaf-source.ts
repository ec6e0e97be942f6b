/** ANAF v9 as a source of fields. One answer serves every field: the gateway asks once a day for a tax id. */
import type { AnafCompany, AnafRecord } from "#src/providers/anaf/schemas.ts";
import { askProvider } from "./ask-provider.ts";
import type { Source } from "./source.ts";

/** The register is the authority, but its addresses and phones are as old as the last declaration. */
const CONFIDENCE_PCT = 95;

/** A source that takes its value from the company's record at the tax authority. */
export const askAnaf = <Value>(pick: (company: AnafCompany) => Value): Source<Value> =>
  askProvider<number, AnafRecord, Value>({
    provider: "anaf",
    operation: (deps) => deps.providers.anaf?.taxpayers,
    subject: ({ cui }) => cui,
    pick: (record) =>
      "malformed" in record
        ? { problem: "malformed_answer" }
        : { value: pick(record.company), confidencePct: CONFIDENCE_PCT },
  });
