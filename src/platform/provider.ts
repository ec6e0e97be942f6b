/**
 * What a provider is to us: the shape that each folder in `src/providers` fills in, and that the gateway
 * (`gateway.ts`) makes safe to use: once a day per subject, within limits and budgets, through crashes.
 */
import type { z } from "zod";
import type { Logger } from "./logger.ts";

/** A limit as the provider states it, all windows at once; requests are smoothed over the tightest. */
export interface RateLimit {
  /** Whose limit it is; operations that name the same share it. */
  name: string;
  windows: readonly { limit: number; periodMs: number }[];
  /** Requests of this operation under way (or waiting for their turn) at once, by this process. */
  inFlight: number;
  /** Added to every period: the way to the provider may take longer for one request than for the next. Default 20. */
  marginMs?: number;
  /** Among those waiting for the same limit, lower goes first (default 0). A job's own priority comes before it. */
  rank?: number;
}

/** What one subject costs, in micro-euros, and when: for each answer, or only where something was found. */
export interface Price {
  costMicros: number;
  chargedFor: "answered" | "found" | "nothing";
}

/** What a provider said of one subject. */
export type Answer<Body> =
  | { status: "found"; body: Body; costMicros?: number }
  | { status: "not_found"; costMicros?: number };

export interface RequestContext {
  /** Aborts when the request must not be made, or not be waited for, any more. */
  signal: AbortSignal;
  /** To be called as soon as the request is on the wire: that moment is what a rate limit counts. */
  onSent: () => void;
  /** The day that the answer is to be about: today in Romania, ISO 8601. */
  asOf: string;
  /** Domains of sites that somebody has paused: not to be visited by way of another site either. */
  pausedDomains?: ReadonlySet<string>;
  /** For what is odd in an answer: counts and paths, never values. */
  logger: Logger;
}

/** One thing that can be asked of a provider about one or more subjects at once. */
export interface ProviderOperation<Subject, Body> {
  /** In the provider's own terms, such as "email-finder". */
  name: string;
  limit: RateLimit;
  price: Price;
  /** Subjects that one request can ask about. */
  batchSize: number;
  /** Whether a request with unknown outcome may be made again: a free read, no other. Else it is left for a person. */
  repeatable: boolean;
  /** Names a subject in the ledger and among the snapshots, which are kept: hash what is personal. */
  keyOf(subject: Subject): string;
  /** The domain of the site that a subject's question goes to, for operations that visit sites: it may be paused. */
  domainOf?(subject: Subject): string;
  /**
   * One request about 1 to `batchSize` subjects. Answers are keyed by `keyOf`; a subject that is missing counts as
   * not answered, and may be asked again.
   * @throws ProviderError
   */
  ask(subjects: readonly Subject[], context: RequestContext): Promise<ReadonlyMap<string, Answer<Body>>>;
}

// biome-ignore lint/suspicious/noExplicitAny: what operations have in common, whatever they ask and answer
export type Operations = Record<string, ProviderOperation<any, any>>;

/** A provider that this release knows. Its line in `src/providers/catalog.ts` is all that it takes to be used. */
export interface ProviderDefinition<Env extends z.ZodRawShape, Ops extends Operations> {
  /** Names it in the ledger, in values' provenance and in the API. */
  slug: string;
  /** Variables that it reads. Base URLs have defaults; credentials are optional. */
  env: Env;
  /**
   * What an account at the provider is proved with, by the names that the API calls it: `{ apiKey: "HUNTER_API_KEY" }`.
   * A workspace may have an account of its own. Absent: there are none, and limits count by our address.
   */
  credentials?: Readonly<Record<string, keyof Env & string>>;
  /** Its operations, or null while its credentials are not given: then it is off, and says so. */
  connect(env: z.output<z.ZodObject<Env>>): Ops | null;
  /**
   * One cheap request, free where there is one, that tells whether the provider can be reached and accepts our key.
   * @throws ProviderError
   */
  healthCheck?(env: z.output<z.ZodObject<Env>>, context: { signal: AbortSignal }): Promise<void>;
}

/** Checks a definition's types. */
export const defineProvider = <Env extends z.ZodRawShape, Ops extends Operations>(
  definition: ProviderDefinition<Env, Ops>,
): ProviderDefinition<Env, Ops> => definition;
