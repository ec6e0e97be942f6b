/** Public registers that were imported as files, as sources of fields: by tax id, or by name and place. */
import { inWorkspace } from "#db/client.ts";
import type { Target } from "#db/queries/field-values.ts";
import { hasReference, type ReferenceRow, referenceByBlock, referenceByCui } from "#db/queries/reference.ts";
import { blockKey } from "#src/domain/matching/company-name.ts";
import { bestMatch, type Match } from "#src/domain/matching/match.ts";
import type { DatasetId } from "#src/domain/reference/datasets.ts";
import type { Source, SourceAnswer } from "./source.ts";

/** What a register says of a company, as far as it has rows of its own for it. */
export interface FromReference<Value> {
  dataset: DatasetId;
  /** The register's name, kept as the value's provenance. */
  provider: string;
  /** The value in the rows of one company, newest year first; null: they say nothing usable. */
  pick: (rows: readonly ReferenceRow[], target: Target) => Value | null;
  confidencePct: number;
}

/** Rows with the company's tax id. */
export function referenceByTaxId<Value>(options: FromReference<Value>): Source<Value> {
  return source(options, async (tx, targets) => {
    const rows = await referenceByCui(
      tx,
      options.dataset,
      targets.map(({ cui }) => cui),
    );
    return new Map(targets.map(({ id, cui }) => [id, { rows: rows.get(cui) ?? [], match: null }]));
  });
}

/**
 * Rows whose name and place match, and those with the tax id where the register has it. What is good but not good enough
 * waits for a person.
 */
export function referenceByName<Value>(options: FromReference<Value>): Source<Value> {
  return source(options, async (tx, targets) => {
    const [byCui, byBlock] = [
      await referenceByCui(
        tx,
        options.dataset,
        targets.map(({ cui }) => cui),
      ),
      await referenceByBlock(tx, options.dataset, [...new Set(targets.map(({ name }) => blockKey(name)))]),
    ];
    return new Map(
      targets.map((target) => {
        const own = byCui.get(target.cui);
        return [
          target.id,
          own ? { rows: own, match: null } : byNameAndPlace(target, byBlock.get(blockKey(target.name))),
        ];
      }),
    );
  });
}

interface Hit {
  rows: readonly ReferenceRow[];
  /** Null: certain, by tax id. */
  match: (Match & { sure: boolean }) | null;
}

/** The company's payments are several rows of the same name and place: they are one candidate. */
function byNameAndPlace(target: Target, rows: readonly ReferenceRow[] = []): Hit {
  const groups = Map.groupBy(rows, ({ name, county, locality }) => `${name}|${county}|${locality}`);
  const candidates = [...groups.values()].map((group) => {
    const { name, county, locality, cui } = group[0] as ReferenceRow;
    return { rows: group, cui, name: name ?? "", county, locality, phones: [], domain: null };
  });
  const { cui, name, county, locality } = target;
  const found = bestMatch({ cui, name, county, locality, phones: [], domain: null }, candidates);
  if (found.decision === "none") return { rows: [], match: null };
  return { rows: found.candidate.rows, match: { ...found.match, sure: found.decision === "match" } };
}

function source<Value>(
  { dataset, provider, pick, confidencePct }: FromReference<Value>,
  find: (tx: Parameters<typeof referenceByCui>[0], targets: readonly Target[]) => Promise<Map<string, Hit>>,
): Source<Value> {
  return {
    provider,
    async ask(deps, { workspaceId }, targets) {
      const now = deps.now();
      const hits = await inWorkspace(deps.db, workspaceId, async (tx) =>
        (await hasReference(tx, dataset)) ? find(tx, targets) : null,
      );
      return new Map(
        targets.map((target): [string, SourceAnswer<Value>] => {
          // Nothing was imported: as if there were no such register.
          if (!hits) return [target.id, { status: "passed" }];
          const hit = hits.get(target.id);
          const value = hit && hit.rows.length > 0 ? pick(hit.rows, target) : null;
          if (!hit || value === null)
            return [target.id, { status: "notFound", snapshotId: null, observedAt: now }];
          const observedAt = new Date(hit.rows[0]?.importedAt ?? now);
          const answer = { value, snapshotId: null, observedAt };
          if (hit.match === null) return [target.id, { status: "found", ...answer, confidencePct }];
          const { score, reasons, sure } = hit.match;
          return sure
            ? [target.id, { status: "found", ...answer, confidencePct: Math.min(confidencePct, score) }]
            : [target.id, { status: "review", ...answer, confidencePct: score, reasons }];
        }),
      );
    },
  };
}
