/** What Brave's web search answers, and what we make of it. Sources as in client.ts. */
import { z } from "zod";
import { text } from "../lenient.ts";

/** One page that a search found. Texts are clean, with personal numbers masked. */
export interface SearchHit {
  url: string;
  title: string | null;
  description: string | null;
}

const envelope = z.looseObject({
  type: z.literal("search"),
  web: z.looseObject({ results: z.array(z.unknown()).nullish() }).nullish(),
});
const hit = z.looseObject({
  url: z.url({ protocol: /^https?$/ }).max(2_000),
  title: text,
  description: text,
});

const MAX_HITS = 20;

/** In their order; what is no page is left out. @returns null when this is no answer of the service */
export function readHits(body: unknown): SearchHit[] | null {
  const parsed = envelope.safeParse(body);
  if (!parsed.success) return null;
  return (parsed.data.web?.results ?? []).slice(0, MAX_HITS).flatMap((raw) => {
    const one = hit.safeParse(raw);
    if (!one.success) return [];
    const { url, title, description } = one.data;
    return [{ url, title, description: description?.slice(0, 500) ?? null }];
  });
}

const failure = z.looseObject({ error: z.looseObject({ code: z.string() }) });

/** Brave's own code of an error, such as "RATE_LIMITED"; null where the body has none. */
export const errorCodeOf = (body: unknown): string | null => failure.safeParse(body).data?.error.code ?? null;
