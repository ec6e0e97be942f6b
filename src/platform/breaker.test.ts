import { describe, expect, it } from "vitest";
import { BreakerOpenError, createBreaker } from "./breaker.ts";

function start() {
  let atMs = 0;
  const breaker = createBreaker({ window: 10, failures: 5, openMs: 60_000, now: () => new Date(atMs) });
  const fail = () =>
    breaker
      .run(
        () => Promise.reject(new Error("down")),
        () => true,
      )
      .catch((error) => error);
  return {
    breaker,
    fail,
    pass: (ms: number) => {
      atMs += ms;
    },
    open: async () => {
      for (let call = 0; call < 5; call++) await fail();
    },
  };
}

const never = () => false;

describe("a breaker", () => {
  it("passes results and errors on, and opens at the fifth failure", async () => {
    const { breaker, fail } = start();
    expect(await breaker.run(async () => 42, never)).toBe(42);
    for (let call = 0; call < 5; call++) expect(await fail()).toMatchObject({ message: "down" });
    expect(breaker.state()).toBe("open");
    let asked = false;
    const refused = await breaker.run(async () => (asked = true), never).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(BreakerOpenError);
    expect(refused).toMatchObject({ code: "breaker_open", retryAfterMs: 60_000 });
    expect(asked).toBe(false);
  });

  it("takes an error that is an answer for a success", async () => {
    const { breaker } = start();
    const notFound = () => Promise.reject(new Error("no such company"));
    for (let call = 0; call < 20; call++) await breaker.run(notFound, never).catch(() => {});
    expect(breaker.state()).toBe("closed");
  });

  it("lets one call find out after the pause, while the others are refused", async () => {
    const { breaker, open, pass } = start();
    await open();
    pass(60_000);
    expect(breaker.state()).toBe("half_open");
    const probe = Promise.withResolvers<string>();
    const first = breaker.run(() => probe.promise, never);
    await expect(breaker.run(async () => "too many", never)).rejects.toMatchObject({ retryAfterMs: 1_000 });
    probe.resolve("back");
    expect(await first).toBe("back");
    expect(breaker.state()).toBe("closed");
    expect(await breaker.run(async () => "again", never)).toBe("again");
  });

  it("stays open for another pause when that call fails", async () => {
    const { breaker, fail, open, pass } = start();
    await open();
    pass(60_000);
    await fail();
    expect(breaker.state()).toBe("open");
    pass(59_999);
    expect(breaker.state()).toBe("open");
  });

  it("asks again at once when that call was given up by ourselves", async () => {
    const { breaker, open, pass } = start();
    await open();
    pass(60_000);
    const gaveUp = () => Promise.reject(new Error("stopped"));
    await breaker.run(gaveUp, () => null).catch(() => {});
    expect(breaker.state()).toBe("half_open");
    expect(await breaker.run(async () => "back", never)).toBe("back");
  });

  it("is not kept open by a call of before that fails later", async () => {
    const { breaker, open, pass } = start();
    const old = Promise.withResolvers<never>();
    const slow = breaker
      .run(
        () => old.promise,
        () => true,
      )
      .catch(() => {});
    await open();
    old.reject(new Error("down"));
    await slow;
    pass(60_000);
    expect(breaker.state()).toBe("half_open");
  });
});
