/** Who reads the mailboxes of simulated companies. */
import { foldText } from "#src/domain/registry/text.ts";
import { cuiOfDomain, type SimulatedPerson, simulatedCompany } from "./company.ts";

/** Who works under this name at the company with this domain, however the name is written. */
export function personAt(domain: string, first: string, last: string): SimulatedPerson | undefined {
  const cui = cuiOfDomain(domain);
  if (cui === null) return undefined;
  return simulatedCompany(cui).people.find(
    ({ firstName, lastName }) =>
      foldText(firstName) === foldText(first) && foldText(lastName) === foldText(last),
  );
}
