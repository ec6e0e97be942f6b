import { describe, expect, it } from "vitest";
import { JSON_LIMITS, readJson } from "./json-body.ts";

const LIMITS = { maxBytes: 100, timeoutMs: 100, maxDepth: 3 };

function request(body: string | ReadableStream, headers: Record<string, string> = {}): Request {
  return new Request("http://app/", { method: "POST", body, headers, duplex: "half" } as RequestInit);
}
const codeOf = (given: Request, limits = LIMITS) =>
  readJson(given, limits).then(
    () => "read",
    (error) => `${error.status} ${error.code}`,
  );
/** Chunks without end, or until it is cancelled. */
function endless(chunk: string, cancelled: () => void = () => {}): ReadableStream {
  return new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode(chunk)),
    cancel: cancelled,
  });
}

describe("a JSON body", () => {
  it("is read, with its text", async () => {
    expect(await readJson(request('{"a": [1, "é"]}'), LIMITS)).toEqual({
      text: '{"a": [1, "é"]}',
      value: { a: [1, "é"] },
    });
    expect(await readJson(request(""), LIMITS)).toEqual({ text: "", value: undefined });
  });

  it("is refused when it says that it is too large, before it comes", async () => {
    const untouched = new ReadableStream(
      { pull: () => Promise.reject(new Error("It was read.")) },
      { highWaterMark: 0 },
    );
    expect(await codeOf(request(untouched, { "content-length": "101" }))).toBe("413 body_too_large");
  });

  it("is refused as soon as too much of it has come, and no more is read", async () => {
    let cancelled = 0;
    expect(await codeOf(request(endless("x".repeat(40), () => cancelled++)))).toBe("413 body_too_large");
    expect(cancelled).toBe(1);
    expect(await codeOf(request(JSON.stringify("x".repeat(98))))).toBe("read");
    expect(await codeOf(request(JSON.stringify("x".repeat(99))))).toBe("413 body_too_large");
  });

  it("is refused when it does not come in time", async () => {
    const stuck = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
    });
    expect(await codeOf(request(stuck))).toBe("408 body_too_slow");
  });

  it("is refused when it is no JSON, or no UTF-8 JSON", async () => {
    for (const text of ["{", "undefined", "{'a': 1}", "[1,]", "\u0000"]) {
      expect(await codeOf(request(text))).toBe("400 not_json");
    }
  });

  it("is refused when it goes too deep, however it hides that", async () => {
    expect(await codeOf(request('[[["[[[[{{{{"]]]'))).toBe("read");
    expect(await codeOf(request('[[["\\"]]]"]]]'))).toBe("read");
    expect(await codeOf(request("[[[[]]]]"))).toBe("400 json_too_deep");
    expect(await codeOf(request('{"a":{"b":{"c":{}}}}'))).toBe("400 json_too_deep");
  });

  it.each([
    ["half a million arrays", "[".repeat(500_000), "400 json_too_deep"],
    ["half a million escapes in a string without end", `"${'\\"'.repeat(500_000)}`, "400 not_json"],
    ["a hundred thousand keys", `{${Array.from({ length: 60_000 }, (_, n) => `"${n}":1`).join()}}`, "read"],
  ])("of %s costs no more than reading it", async (_, text, expected) => {
    const startedAt = performance.now();
    expect(await codeOf(request(text), JSON_LIMITS)).toBe(expected);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it("is refused compressed: a few bytes could become any number", async () => {
    expect(await codeOf(request("{}", { "content-encoding": "gzip" }))).toBe("415 unsupported_encoding");
    expect(await codeOf(request("{}", { "content-encoding": "identity" }))).toBe("read");
  });
});
