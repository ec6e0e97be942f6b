/** An access token that is fetched when it is first needed, kept until shortly before it expires, and then again. */

export interface Token {
  token: string;
  expiresInMs: number;
}

export interface Tokens {
  /** The current token; those who ask while one is being fetched share it. @throws what `fetch` throws */
  get(): Promise<string>;
  /** This one was not accepted: the next `get` fetches another. */
  forget(token: string): void;
}

/** A request may be on its way for so long. */
const MARGIN_MS = 60_000;

/** @param nowMs a clock that never goes back */
export function createTokens(fetch: () => Promise<Token>, nowMs = () => performance.now()): Tokens {
  let current: { token: string; untilMs: number } | null = null;
  let fetching: Promise<string> | null = null;

  async function renew(): Promise<string> {
    const askedAtMs = nowMs();
    const { token, expiresInMs } = await fetch();
    current = { token, untilMs: askedAtMs + expiresInMs - MARGIN_MS };
    return token;
  }

  return {
    async get() {
      if (current && nowMs() < current.untilMs) return current.token;
      fetching ??= renew().finally(() => {
        fetching = null;
      });
      return fetching;
    },
    forget(token) {
      if (current?.token === token) current = null;
    },
  };
}
