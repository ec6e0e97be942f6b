/** ANAF v9 as a source of fields. One answer serves every field: the adapter asks once a day for a tax id. */
import type { AnafCompany } from "#src/providers/anaf/schemas.ts";
import type { Source, SourceAnswer } from "./define-field.ts";

/** The register is the authority, but its addresses and phones are as old as the last declaration. */
const CONFIDENCE_PCT = 95;

/** A source that takes its value from the company's record at the tax authority. */
export function askAnaf<Value>(pick: (company: AnafCompany) => Value): Source<Value> {
  return {
    provider: "anaf",
    async ask(deps, key, targets) {
      const context = { workspaceId: key.workspaceId, jobId: key.jobId, field: key.field };
      const answers = await deps.providers.anaf.lookup(
        context,
        targets.map(({ cui }) => cui),
      );
      return new Map(
        targets.map(({ id, cui }): [string, SourceAnswer<Value>] => {
          const answer = answers.get(cui);
          switch (answer?.status) {
            case "found": {
              const { company, snapshotId, observedAt } = answer;
              return [
                id,
                {
                  status: "found",
                  value: pick(company),
                  confidencePct: CONFIDENCE_PCT,
                  snapshotId,
                  observedAt,
                },
              ];
            }
            case "notFound":
              return [
                id,
                { status: "notFound", snapshotId: answer.snapshotId, observedAt: answer.observedAt },
              ];
            case "malformed":
              return [id, { status: "failed", code: "malformed_answer", retryable: false }];
            default:
              return [id, { status: "failed", code: "missing_from_answer", retryable: true }];
          }
        }),
      );
    },
  };
}
