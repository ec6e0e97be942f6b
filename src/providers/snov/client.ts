/**
 * Snov.io, API v2: addresses of people by name and domain, and the mailboxes of a firm by domain.
 *
 * Document: snov.io/api; facts gathered 2026-11-22 (shared/providers/email-finding.md, section 2).
 * Access: OAuth client credentials for a token of an hour. Quota: 60 requests a minute for the whole account, all
 * methods together; no headers tell what is left, and 429 comes without Retry-After. Price: one credit an address
 * found, one a search of mailboxes; see provider.ts.
 *
 * Each search is a task: one request starts it, and is what is paid for; its result is polled. A start must not be
 * repeated. So, whatever goes wrong after it, nobody may take the question for one that was not asked: such errors
 * are outages of unknown outcome.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ProviderError } from "#src/platform/provider-error.ts";
import { createHttp, type JsonAnswer, type RequestOptions } from "../http.ts";
import {
  readBalance,
  readGeneric,
  readPeople,
  readResult,
  readTask,
  readToken,
  type SnovEmail,
  type SnovPerson,
} from "./schemas.ts";
import { createTokens } from "./tokens.ts";

export const SNOV = "snov";
export const MAX_PEOPLE = 10;

/** When a task's result is asked for, after its start: two polls, that is three requests a search at most. */
export const POLLS_AFTER_MS = [6_000, 20_000] as const;

export interface SnovClientOptions {
  /** https://api.snov.io, without a version. */
  baseUrl: string;
  clientId: string;
  clientSecret: string;
  /** Of each request, from sending to the last byte; default 20 s. */
  timeoutMs?: number;
  pollsAfterMs?: readonly number[];
}

type Options = Pick<RequestOptions, "signal" | "onSent">;

/** All throw ProviderError. Each search makes up to three requests. */
export interface SnovClient {
  /**
   * The addresses of 1 to 10 people, in their order; null where none was found. `charged`: one was, of use or not.
   */
  findEmails(
    people: readonly SnovPerson[],
    options?: Options,
  ): Promise<{ email: SnovEmail | null; charged: boolean }[]>;
  /** The mailboxes of a firm: office@, sales@ and the like. Nobody has verified them. */
  genericContacts(domain: string, options?: Options): Promise<SnovEmail[]>;
  /** Resolves when Snov.io can be reached, accepts our credentials, and has credit for us. Free. */
  checkAccount(options?: Options): Promise<void>;
}

export function createSnovClient({
  baseUrl,
  clientId,
  clientSecret,
  timeoutMs = 20_000,
  pollsAfterMs = POLLS_AFTER_MS,
}: SnovClientOptions): SnovClient {
  const http = createHttp({ provider: SNOV, baseUrl, timeoutMs, maxResponseBytes: 1024 * 1024 });
  const tokens = createTokens(async () => {
    const credentials = {
      grant_type: "client_credentials",
      client_id: clientId,
      client_secret: clientSecret,
    };
    const { body } = await http.postForm("v1/oauth/access_token", credentials).catch((error: unknown) => {
      throw withoutToken(error);
    });
    const token = readToken(body);
    if (!token) throw new ProviderError(SNOV, "bad_response", { charged: false });
    return token;
  });

  /** A token may end before its time: then the request was refused, and is made with a new one. */
  async function authorized(
    request: (headers: Record<string, string>) => Promise<JsonAnswer>,
  ): Promise<JsonAnswer> {
    const attempt = (token: string) => request({ authorization: `Bearer ${token}` });
    const token = await tokens.get();
    try {
      return await attempt(token);
    } catch (error) {
      if (!(error instanceof ProviderError) || error.httpStatus !== 401) throw error;
      tokens.forget(token);
      return attempt(await tokens.get());
    }
  }

  async function search(
    start: { path: string; question: unknown },
    resultOf: (task: string) => { path: string; query: Record<string, string> },
    options?: Options,
  ): Promise<unknown[]> {
    const { body } = await authorized((headers) =>
      http.postJson(start.path, start.question, { ...options, headers }),
    );
    const task = readTask(body);
    if (task === null) throw lost("the task has no id");
    const startedAt = performance.now();
    let problem = "the task is still under way";
    for (const afterMs of pollsAfterMs) {
      await sleep(Math.max(0, startedAt + afterMs - performance.now()));
      const { path, query } = resultOf(task);
      try {
        const answer = await authorized((headers) => http.getJson(path, query, { headers }));
        const items = readResult(answer.body);
        if (items !== null && items !== "in_progress") return items;
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        problem = `its result was not to be had (${error.kind})`;
      }
    }
    throw lost(problem);
  }

  return {
    async findEmails(people, options) {
      if (people.length < 1 || people.length > MAX_PEOPLE) {
        const detail = `1 to ${MAX_PEOPLE} people a request, not ${people.length}`;
        throw new ProviderError(SNOV, "rejected", { detail });
      }
      const rows = people.map(({ firstName, lastName, domain }) => ({
        first_name: firstName,
        last_name: lastName,
        domain,
      }));
      const items = await search(
        { path: "v2/emails-by-domain-by-name/start", question: { rows } },
        (task) => ({ path: "v2/emails-by-domain-by-name/result", query: { task_hash: task } }),
        options,
      );
      return readPeople(items, people);
    },

    async genericContacts(domain, options) {
      const items = await search(
        { path: "v2/domain-search/generic-contacts/start", question: { domain } },
        (task) => ({
          path: `v2/domain-search/generic-contacts/result/${encodeURIComponent(task)}`,
          query: {},
        }),
        options,
      );
      return readGeneric(items, domain);
    },

    async checkAccount(options) {
      const { status: httpStatus, body } = await authorized((headers) =>
        http.getJson("v1/get-balance", {}, { ...options, headers }),
      );
      const left = readBalance(body);
      if (left === null) throw new ProviderError(SNOV, "bad_response", { httpStatus });
      if (left <= 0) throw new ProviderError(SNOV, "spent", { httpStatus });
    },
  };
}

/** Nothing was asked yet. Credentials that OAuth calls a bad request are wrong ones. */
function withoutToken(error: unknown): unknown {
  if (!(error instanceof ProviderError)) return error;
  const { kind, httpStatus, retryAfterMs, detail, cause } = error;
  const options = { httpStatus, retryAfterMs, cause, charged: false, ...(detail ? { detail } : {}) };
  return new ProviderError(SNOV, kind === "rejected" ? "unauthorized" : kind, options);
}

/** The search was started, and perhaps charged, and its result is not known. */
const lost = (detail: string) => new ProviderError(SNOV, "unavailable", { detail });
