/** Whether two records are of the same company, with the reasons. Exact by tax id, else by a score. Pure. */
import { foldCounty, foldText } from "../registry/text.ts";
import { nameSimilarity } from "./company-name.ts";

export interface Matchable {
  cui: number | null;
  name: string;
  county: string | null;
  locality: string | null;
  /** E.164. */
  phones: readonly string[];
  domain: string | null;
  /** An address in common says no more than the domain in common does. */
  emails?: readonly string[];
}

export interface MatchReason {
  part: "tax_id" | "name" | "locality" | "county" | "phone" | "domain" | "email";
  points: number;
}

export interface Match {
  /** 0 to 100. */
  score: number;
  /** What the score is made of; they add up to it before it is cut to 0 to 100. */
  reasons: MatchReason[];
}

/** From here on two records are taken to be one company. */
export const ACCEPT = 90;
/** From here on a person decides. */
export const REVIEW = 75;

const NAME_POINTS = 72;
const LOCALITY_POINTS = 24;
const COUNTY_POINTS = 6;
const OTHER_COUNTY_POINTS = -40;
const PHONE_POINTS = 20;
const DOMAIN_POINTS = 20;
const EMAIL_POINTS = 20;

/** How likely it is that both are the same company. */
export function matchOf(one: Matchable, other: Matchable): Match {
  if (one.cui !== null && other.cui !== null) {
    const score = one.cui === other.cui ? 100 : 0;
    return { score, reasons: [{ part: "tax_id", points: score }] };
  }
  const reasons: MatchReason[] = [];
  const add = (part: MatchReason["part"], points: number) => {
    if (points !== 0) reasons.push({ part, points });
  };
  add("name", Math.round(NAME_POINTS * nameSimilarity(one.name, other.name)));
  const sameLocality = same(one.locality, other.locality, foldLocality);
  const sameCounty = same(one.county, other.county, foldCounty);
  if (sameCounty === false) add("county", OTHER_COUNTY_POINTS);
  else {
    if (sameLocality) add("locality", LOCALITY_POINTS);
    if (sameCounty) add("county", COUNTY_POINTS);
  }
  if (one.phones.some((phone) => other.phones.includes(phone))) add("phone", PHONE_POINTS);
  if (one.domain !== null && one.domain === other.domain) add("domain", DOMAIN_POINTS);
  else if (one.emails?.some((email) => other.emails?.includes(email))) add("email", EMAIL_POINTS);
  const total = reasons.reduce((sum, { points }) => sum + points, 0);
  return { score: Math.max(0, Math.min(100, total)), reasons };
}

export type BestMatch<Candidate> =
  | { decision: "match" | "review"; candidate: Candidate; match: Match }
  | { decision: "none" };

/**
 * The best of several candidates. Two that are as good as each other are no match: a person decides, if they are good
 * enough for that.
 */
export function bestMatch<Candidate extends Matchable>(
  wanted: Matchable,
  candidates: readonly Candidate[],
): BestMatch<Candidate> {
  const scored = candidates
    .map((candidate) => ({ candidate, match: matchOf(wanted, candidate) }))
    .sort((a, b) => b.match.score - a.match.score);
  const [best, next] = scored;
  if (!best || best.match.score < REVIEW) return { decision: "none" };
  const ambiguous = next !== undefined && next.match.score >= best.match.score;
  return { decision: best.match.score >= ACCEPT && !ambiguous ? "match" : "review", ...best };
}

/** A place without its kind: "Sat Lunca Com. Exemplu" and "LUNCA, comuna Exemplu" fold to the same. */
export function foldLocality(text: string): string {
  return foldText(text)
    .replace(/\b(?:sat(?:ul)?|comuna|com|oras(?:ul)?|or|municipiul|mun|localitatea|loc)\b\.?/g, " ")
    .replace(/[^a-z0-9]+/g, " ")
    .trim();
}

/** Null: one of them does not say. */
function same(one: string | null, other: string | null, fold: (text: string) => string): boolean | null {
  const [a, b] = [fold(one ?? ""), fold(other ?? "")];
  return a === "" || b === "" ? null : a === b;
}
