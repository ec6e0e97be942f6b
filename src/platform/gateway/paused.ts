/** What somebody has paused is not asked: a provider as a whole, or the sites that single questions go to. */
import type { Tx } from "#db/client.ts";
import { findPausesOfProvider } from "#db/queries/pauses.ts";
import type { ProviderOperation } from "../provider.ts";
import type { Question } from "./reserve.ts";

export interface Pauses {
  /** The provider's own pause. */
  providerPauseId: string | null;
  /** Questions that are free to be asked, as far as pauses go. */
  free: Question[];
  /** The others. */
  held: { subject: string; pauseId: string }[];
  /** All domains that are paused: a site may lead to another. */
  domains: ReadonlySet<string>;
}

/** @param subjects of the questions, in their order */
export async function findPauses<Subject>(
  tx: Tx,
  provider: string,
  { domainOf }: Pick<ProviderOperation<Subject, unknown>, "domainOf">,
  questions: readonly Question[],
  subjects: readonly Subject[],
): Promise<Pauses> {
  const domains = domainOf ? subjects.map(domainOf) : [];
  const pauses = await findPausesOfProvider(tx, provider);
  const free: Question[] = [];
  const held: Pauses["held"] = [];
  for (const [at, question] of questions.entries()) {
    const pauseId = pauses.domains.get(domains[at] ?? "");
    if (pauseId) held.push({ subject: question.subject, pauseId });
    else free.push(question);
  }
  return { providerPauseId: pauses.provider, free, held, domains: new Set(pauses.domains.keys()) };
}
