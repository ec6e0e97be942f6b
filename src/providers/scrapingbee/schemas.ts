/** What ScrapingBee answers with `json_response=true`, and what we make of it. Sources as in client.ts. */
import { z } from "zod";

/** A page as a browser showed it. */
export interface RenderedPage {
  /** Where the last redirect led to. */
  url: string;
  /** Of the site's own answer. */
  status: number;
  html: string;
  /** Lower-case names. */
  headers: Record<string, string>;
}

const answer = z.looseObject({
  body: z.string(),
  "resolved-url": z.string().max(2_000).nullish(),
  "initial-status-code": z.number().int().nullish(),
  headers: z.record(z.string(), z.unknown()).nullish(),
});

/** @returns null when this is no answer of the service */
export function readRendered(body: unknown, asked: string): RenderedPage | null {
  const parsed = answer.safeParse(body);
  if (!parsed.success) return null;
  const { body: html, headers, "resolved-url": url, "initial-status-code": status } = parsed.data;
  return {
    url: url && URL.canParse(url) ? url : asked,
    status: status ?? 200,
    html,
    headers: Object.fromEntries(
      Object.entries(headers ?? {}).flatMap(([name, value]) =>
        typeof value === "string" ? [[name.toLowerCase().replace(/^spb-/, ""), value]] : [],
      ),
    ),
  };
}

const usage = z.looseObject({ max_api_credit: z.number(), used_api_credit: z.number() });

/** What the account's usage says; true where it says nothing that we can read. */
export function hasCreditsLeft(body: unknown): boolean {
  const parsed = usage.safeParse(body);
  return !parsed.success || parsed.data.used_api_credit < parsed.data.max_api_credit;
}

const failure = z.looseObject({ message: z.string() });

/** What it says of an error; "" where it says nothing. */
export const messageOf = (body: unknown): string => failure.safeParse(body).data?.message ?? "";
