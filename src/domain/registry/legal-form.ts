/** Who is a natural person: sole traders are, and the law on personal data protects them as such. */
import { foldText } from "./text.ts";

const FORMS = new Set([
  "pfa",
  "pf",
  "pfi",
  "ii",
  "if",
  "af",
  "persoana fizica",
  "persoana fizica autorizata",
  "persoana fizica independenta",
  "intreprindere individuala",
  "intreprindere familiala",
  "asociatie familiala",
]);
const LONG_NAME =
  /\b(?:persoana fizica (?:autorizata|independenta)|intreprindere (?:individuala|familiala)|asociatie familiala)\b/;
// Only where nothing else is known: "II" may also be a number in a company's name.
const SHORT_NAME =
  /(?:^|[\s,-])(?:p\.? ?f\.? ?a|p\.? ?f\.? ?i|i\.? ?i|i\.? ?f)\.?$|^(?:p\.?f\.?a|i\.?i|i\.?f)\.?[\s,-]/;

const byForm = new Map<string, boolean>();

/**
 * Whether this is a sole trader (PFA), an individual (II) or a family enterprise (IF).
 * @param registrationNumber of the trade register: F… are natural persons, J… and C… are not
 */
export function isNaturalPerson(company: {
  name: string;
  legalForm: string | null;
  registrationNumber: string | null;
}): boolean {
  if (company.registrationNumber?.startsWith("F")) return true;
  if (company.legalForm !== null) return isNaturalForm(company.legalForm);
  const name = foldText(company.name);
  if (LONG_NAME.test(name)) return true;
  const isCompany = company.registrationNumber !== null && /^[JC]/.test(company.registrationNumber);
  return !isCompany && SHORT_NAME.test(name);
}

function isNaturalForm(legalForm: string): boolean {
  const known = byForm.get(legalForm);
  if (known !== undefined) return known;
  const folded = foldText(legalForm);
  const natural = FORMS.has(folded.replace(/\./g, "")) || LONG_NAME.test(folded);
  // A file has a dozen forms; a hostile one must not fill the memory.
  if (byForm.size < 1_000) byForm.set(legalForm, natural);
  return natural;
}
