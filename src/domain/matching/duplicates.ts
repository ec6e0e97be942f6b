/** Prospects of one workspace under different tax ids that may be the same business. Pure. */
import { foldCounty } from "../registry/text.ts";
import { blockKey } from "./company-name.ts";
import { ACCEPT, type Match, type Matchable, matchOf } from "./match.ts";

/** Prospects whose names may be the same, in one county, share this; null: the name has no word. */
export function matchBlock({ name, county }: { name: string; county: string | null }): string | null {
  const block = blockKey(name);
  return block === "" ? null : `${foldCounty(county ?? "")} ${block}`;
}

export interface Likeness extends Match {
  /** `match`: taken to be the same. `review`: a person looks. */
  decision: "match" | "review";
}

/** How likely two prospects are the same business; other tax ids say nothing against it. */
export function likenessOf(one: Omit<Matchable, "cui">, other: Omit<Matchable, "cui">): Likeness {
  const match = matchOf({ ...one, cui: null }, { ...other, cui: null });
  return { ...match, decision: match.score >= ACCEPT ? "match" : "review" };
}
