/** What the simulated service has seen: enough to prove that nobody asked too fast, or twice. */

export interface LedgerReport {
  simulator: "anaf";
  calls: number;
  /** Answered with data; 404 for "nothing found" is one. */
  ok: number;
  rateLimited: number;
  outages: number;
  errors: number;
  resets: number;
  refused: number;
  /** Requests whose asker was gone before the answer was ready. */
  abandoned: number;
  firstCallAt: string | null;
  lastCallAt: string | null;
  /** Between the first and the last arrival. */
  spanMs: number;
  /** The shortest time between two arrivals that were not refused for being too fast; null before the second. */
  minSpacingMs: number | null;
  /** The same over all arrivals. */
  minSpacingOfAllMs: number | null;
  meanSpacingMs: number | null;
  /** The most arrivals in any window of 1,000 ms. */
  maxPerSecond: number;
  ids: {
    /** Different ids that were asked about. */
    asked: number;
    /** Different ids that got an answer. */
    answered: number;
    /** Ids asked again although they had been answered that day, or were being answered: should be none. */
    askedAgain: number;
    /** The first of them. */
    askedAgainList: number[];
    leftOut: number;
    /** The first id of each request, as they came: of the first thousand. */
    firstOfEach: number[];
  };
}

const LIST_LIMIT = 100;
const REQUESTS_LIMIT = 1_000;

/** Times are milliseconds of a monotonic clock. Memory: a number per id, and the arrivals of the last second. */
export class Ledger {
  #counts = { calls: 0, ok: 0, rateLimited: 0, outages: 0, errors: 0, resets: 0, refused: 0, abandoned: 0 };
  #firstAt: Date | null = null;
  #lastAt: Date | null = null;
  #firstMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #lastAcceptedMs = Number.NEGATIVE_INFINITY;
  #minSpacingMs = Number.POSITIVE_INFINITY;
  #minSpacingOfAllMs = Number.POSITIVE_INFINITY;
  #lastSecond: number[] = [];
  #maxPerSecond = 0;
  /** Id -> how often it was answered; 0 while an answer is being made. */
  #answers = new Map<number, number>();
  #asked = new Set<number>();
  #askedAgain = new Set<number>();
  #leftOut = 0;
  #firstOfEach: number[] = [];
  /** Answers of this day count; ids may be asked again the next day. */
  #day = "";

  arrive(atMs: number): void {
    this.#counts.calls++;
    this.#lastAt = new Date();
    if (this.#firstAt === null) {
      this.#firstAt = this.#lastAt;
      this.#firstMs = atMs;
    }
    this.#minSpacingOfAllMs = Math.min(this.#minSpacingOfAllMs, atMs - this.#lastMs);
    this.#lastMs = atMs;
    this.#lastSecond = this.#lastSecond.filter((earlierMs) => atMs - earlierMs < 1_000);
    this.#lastSecond.push(atMs);
    this.#maxPerSecond = Math.max(this.#maxPerSecond, this.#lastSecond.length);
  }

  accept(atMs: number): void {
    this.#minSpacingMs = Math.min(this.#minSpacingMs, atMs - this.#lastAcceptedMs);
    this.#lastAcceptedMs = atMs;
  }

  count(what: "ok" | "rateLimited" | "outages" | "errors" | "resets" | "refused" | "abandoned"): void {
    this.#counts[what]++;
  }

  /** Calls so far that were not too fast, this one included. */
  get accepted(): number {
    return this.#counts.calls - this.#counts.rateLimited;
  }

  /** @param leftOut those of the ids that the answer will not speak of */
  ask(ids: readonly number[], leftOut: ReadonlySet<number>, day: string): void {
    if (day !== this.#day) {
      this.#day = day;
      this.#answers.clear();
    }
    this.#leftOut += leftOut.size;
    if (ids[0] !== undefined && this.#firstOfEach.length < REQUESTS_LIMIT) this.#firstOfEach.push(ids[0]);
    for (const id of ids) {
      this.#asked.add(id);
      if (this.#answers.has(id)) this.#askedAgain.add(id);
      else if (!leftOut.has(id)) this.#answers.set(id, 0);
    }
  }

  wasAsked(id: number): boolean {
    return this.#asked.has(id);
  }

  answer(ids: readonly number[]): void {
    for (const id of ids) this.#answers.set(id, (this.#answers.get(id) ?? 0) + 1);
    this.count("ok");
  }

  /** Nobody heard the answer: the ids may well be asked about again. */
  abandon(ids: readonly number[]): void {
    for (const id of ids) if (this.#answers.get(id) === 0) this.#answers.delete(id);
    this.count("abandoned");
  }

  report(): LedgerReport {
    const { calls } = this.#counts;
    const spanMs = calls > 1 ? this.#lastMs - this.#firstMs : 0;
    const known = (ms: number) => (Number.isFinite(ms) ? round(ms) : null);
    return {
      simulator: "anaf",
      ...this.#counts,
      firstCallAt: this.#firstAt?.toISOString() ?? null,
      lastCallAt: this.#lastAt?.toISOString() ?? null,
      spanMs: round(spanMs),
      minSpacingMs: known(this.#minSpacingMs),
      minSpacingOfAllMs: known(this.#minSpacingOfAllMs),
      meanSpacingMs: calls > 1 ? round(spanMs / (calls - 1)) : null,
      maxPerSecond: this.#maxPerSecond,
      ids: {
        asked: this.#asked.size,
        answered: this.#answers.size,
        askedAgain: this.#askedAgain.size,
        askedAgainList: [...this.#askedAgain].slice(0, LIST_LIMIT),
        leftOut: this.#leftOut,
        firstOfEach: [...this.#firstOfEach],
      },
    };
  }
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000;
