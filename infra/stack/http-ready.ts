/** Asks a URL whether its server is ready (status 200), and remembers what it said last. */
export function httpReady(url: string): { ask: () => Promise<boolean>; said: () => string } {
  let last = "nothing answered";
  return {
    ask: async () => {
      try {
        const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
        const body = await response.text();
        last = `${response.status} ${body.slice(0, 300)}`.trim();
        return response.status === 200;
      } catch {
        last = "nothing answered";
        return false;
      }
    },
    said: () => `${url}: ${last}`,
  };
}
