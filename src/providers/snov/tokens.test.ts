import { describe, expect, it } from "vitest";
import { createTokens } from "./tokens.ts";

function start({ failing = 0 } = {}) {
  let now = 0;
  let fetched = 0;
  const tokens = createTokens(
    async () => {
      fetched++;
      if (fetched <= failing) throw new Error("no token today");
      return { token: `token-${fetched}`, expiresInMs: 3_600_000 };
    },
    () => now,
  );
  return { tokens, fetched: () => fetched, advance: (ms: number) => (now += ms) };
}

describe("an access token", () => {
  it("is fetched once for all who ask at the same time, and kept", async () => {
    const { tokens, fetched } = start();
    expect(await Promise.all([tokens.get(), tokens.get(), tokens.get()])).toEqual(Array(3).fill("token-1"));
    expect(await tokens.get()).toBe("token-1");
    expect(fetched()).toBe(1);
  });

  it("is renewed a minute before it expires", async () => {
    const { tokens, advance } = start();
    await tokens.get();
    advance(3_539_999);
    expect(await tokens.get()).toBe("token-1");
    advance(1);
    expect(await tokens.get()).toBe("token-2");
  });

  it("is fetched again when it was refused, but not for each who hears so", async () => {
    const { tokens } = start();
    const refused = await tokens.get();
    tokens.forget(refused);
    expect(await tokens.get()).toBe("token-2");
    tokens.forget(refused);
    expect(await tokens.get()).toBe("token-2");
  });

  it("that cannot be had is asked for again by the next", async () => {
    const { tokens } = start({ failing: 1 });
    await expect(tokens.get()).rejects.toThrow("no token today");
    expect(await tokens.get()).toBe("token-2");
  });
});
