/** ANAF v9 as a source of fields. One answer serves every field: the gateway asks once a day for a tax id. */
import type { AnafCompany, AnafRecord } from "#src/providers/anaf/schemas.ts";
import { askProvider } from "./ask-provider.ts";
import type { Source, SourceAnswer } from "./define-field.ts";

/** The register is the authority, but its addresses and phones are as old as the last declaration. */
const CONFIDENCE_PCT = 95;

/** A source that takes its value from the company's record at the tax authority. */
export function askAnaf<Value>(pick: (company: AnafCompany) => Value): Source<Value> {
  const source = askProvider<number, AnafRecord, AnafRecord>({
    provider: "anaf",
    operation: (deps) => deps.providers.anaf?.taxpayers,
    subject: ({ cui }) => cui,
    pick: (record) => ({ value: record, confidencePct: CONFIDENCE_PCT }),
  });
  return {
    ...source,
    async ask(deps, key, targets) {
      const answers = await source.ask(deps, key, targets);
      return new Map([...answers].map(([id, answer]) => [id, toValue(answer, pick)]));
    },
  };
}

/** A record that could not be read is no answer, and asking again today brings the same. */
function toValue<Value>(
  answer: SourceAnswer<AnafRecord>,
  pick: (company: AnafCompany) => Value,
): SourceAnswer<Value> {
  if (answer.status !== "found") return answer;
  if ("malformed" in answer.value) return { status: "failed", code: "malformed_answer", retryable: false };
  return { ...answer, value: pick(answer.value.company) };
}
