import { DrizzleQueryError } from "drizzle-orm";
import { NonRetriableError, RetryAfterError } from "inngest";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { InvalidInputError, SupersededError } from "#src/domain/errors.ts";
import { ProviderError } from "#src/platform/provider-error.ts";
import { toInngestError } from "./error-mapping.ts";

const mapped = (error: unknown) => toInngestError(error) as Error & { retryAfter?: string };

describe("errors on their way to the engine", () => {
  it("come back when the provider says so, in milliseconds", () => {
    const error = mapped(new ProviderError("anaf", "rate_limited", { retryAfterMs: 2000 }));
    expect(error).toBeInstanceOf(RetryAfterError);
    expect(error.retryAfter).toBe("2");
  });

  it.each(["unauthorized", "not_found", "rejected", "bad_response"] as const)(
    "are not retried when %s",
    (kind) => {
      expect(mapped(new ProviderError("anaf", kind))).toBeInstanceOf(NonRetriableError);
    },
  );

  it("are retried by the function's own schedule when the provider is away", () => {
    const error = mapped(new ProviderError("anaf", "unavailable"));
    expect(error).not.toBeInstanceOf(NonRetriableError);
    expect(error).not.toBeInstanceOf(RetryAfterError);
  });

  it("are not retried for bad input and for work that was taken over", () => {
    expect(mapped(new InvalidInputError("x", "no"))).toBeInstanceOf(NonRetriableError);
    expect(mapped(new SupersededError("work"))).toBeInstanceOf(NonRetriableError);
  });

  it("carry no value of the data that did not fit", () => {
    const { error } = z.object({ phone: z.literal("0700000000") }).safeParse({ phone: "0712345678" });
    expect(mapped(error)).toBeInstanceOf(NonRetriableError);
    expect(mapped(error).message).toContain("phone");
    expect(mapped(error).message).not.toMatch(/07\d/);
  });

  it("carry no parameter of a database query, in the message or beneath it", () => {
    const cause = Object.assign(new Error("duplicate key (name)=(POPESCU)"), {
      code: "23505",
      constraint: "a_key",
    });
    const error = mapped(new DrizzleQueryError("INSERT …", ["POPESCU"], cause));
    expect(error.message).toContain("23505 a_key");
    expect(JSON.stringify([error.message, error.stack, error.cause])).not.toContain("POPESCU");
  });
});
