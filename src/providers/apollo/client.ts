/**
 * Apollo, API v1: the business address of a person, by name and domain.
 *
 * Document: docs.apollo.io/reference/people-enrichment; facts gathered 2026-11-22 (shared/providers/email-finding.md,
 * section 3). Access: header x-api-key; parameters go into the query of a POST. Quota, per team: on paid plans 1,000
 * enrichments a minute, and none by the hour or day; past that 429 with Retry-After. The free plan answers 403. Price:
 * one credit for a person matched; see provider.ts. Personal addresses and phones are not asked for: of people in the
 * EU Apollo reveals none.
 */
import { ProviderError } from "#src/platform/provider-error.ts";
import { createHttp, type RequestOptions } from "../http.ts";
import { type ApolloMatch, isAboutCredit, readHealth, readMatch } from "./schemas.ts";

export const APOLLO = "apollo";

export interface ApolloClientOptions {
  /** With the version: https://api.apollo.io/api/v1. */
  baseUrl: string;
  apiKey: string;
  /** From sending to the last byte; default 30 s. */
  timeoutMs?: number;
}

/** Somebody at a domain. Personal data. */
export interface ApolloPerson {
  firstName: string;
  lastName: string;
  domain: string;
}

type Options = Pick<RequestOptions, "signal" | "onSent">;

/** All throw ProviderError. */
export interface ApolloClient {
  /** Null: nobody matches, and nothing is charged. */
  matchPerson(person: ApolloPerson, options?: Options): Promise<ApolloMatch | null>;
  /** Resolves when Apollo can be reached and accepts the key. Free. */
  checkAccount(options?: Options): Promise<void>;
}

export function createApolloClient({
  baseUrl,
  apiKey,
  timeoutMs = 30_000,
}: ApolloClientOptions): ApolloClient {
  const http = createHttp({
    provider: APOLLO,
    baseUrl,
    timeoutMs,
    maxResponseBytes: 1024 * 1024,
    headers: { "x-api-key": apiKey },
  });
  return {
    async matchPerson({ firstName, lastName, domain }, options) {
      const query = new URLSearchParams({
        first_name: firstName,
        last_name: lastName,
        domain,
        reveal_personal_emails: "false",
        reveal_phone_number: "false",
      });
      const { status: httpStatus, body } = await http.postJson(
        `people/match?${query}`,
        {},
        { ...options, answers: [422] },
      );
      if (httpStatus === 422) {
        throw new ProviderError(APOLLO, isAboutCredit(body) ? "spent" : "rejected", { httpStatus });
      }
      const match = readMatch(body, domain);
      if (!match) throw new ProviderError(APOLLO, "bad_response", { httpStatus });
      return match === "none" ? null : match;
    },

    async checkAccount(options) {
      const { status: httpStatus, body } = await http.getJson("auth/health", {}, options);
      const isAccepted = readHealth(body);
      if (isAccepted === null) throw new ProviderError(APOLLO, "bad_response", { httpStatus });
      if (!isAccepted) throw new ProviderError(APOLLO, "unauthorized", { httpStatus });
    },
  };
}
