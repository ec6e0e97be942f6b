import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluate, matches } from "../expressions.ts";
import { canonicalJson } from "./canonical-json.ts";
import { parseDurationMs, parseInstantMs, parseRetryAfterMs } from "./durations.ts";
import { BadEvent, parseEvents } from "./events.ts";
import { idsFromSeed, ulidFloor } from "./ids.ts";
import { bearerMatches, hashSigningKey, signBody, verifyBody } from "./signing.ts";

test("canonical JSON reads back as the same value, with its keys sorted", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(JSON.parse(canonicalJson(value)))).toBe(canonicalJson(value));
    }),
  );
  expect(canonicalJson({ b: 1, a: [{ d: undefined, c: "ș" }] })).toBe('{"a":[{"c":"ș"}],"b":1}');
});

test("durations and instants are read as the SDK writes them", () => {
  expect(parseDurationMs("2h30m10s")).toBe(9_010_000);
  expect(parseDurationMs("1w")).toBe(604_800_000);
  expect(parseDurationMs("")).toBe(0);
  expect(parseDurationMs("soon")).toBeNull();
  expect(parseInstantMs("2026-01-01T00:00:00.000Z", 0)).toBe(1_767_225_600_000);
  expect(parseRetryAfterMs("2", 0)).toBe(2_000);
  expect(parseRetryAfterMs("2026-01-01T00:00:00.000Z", 1_767_225_599_000)).toBe(1_000);
  expect(parseRetryAfterMs(undefined, 0)).toBeNull();
});

test("event ids follow the SDK's seed, as recorded", () => {
  expect(idsFromSeed("1795320660498,nwCGu66UjKq+hQ==", 1)).toEqual(["01M80Q6GGJKW08DEXEJJ6ANFM6"]);
  expect(idsFromSeed("nonsense", 1)).toBeNull();
  expect(ulidFloor(1_795_320_660_498) < "01M80Q6GGJKW08DEXEJJ6ANFM6").toBe(true);
});

test("any request body yields events or one BadEvent, never another error", () => {
  const bodies = fc.oneof(
    fc.string(),
    fc.json(),
    fc.jsonValue().map((value) => JSON.stringify([{ name: "a/b", data: value }])),
  );
  fc.assert(
    fc.property(bodies, (body) => {
      try {
        for (const event of parseEvents(body, undefined, 1)) expect(event.name).not.toBe("");
      } catch (error) {
        expect(error).toBeInstanceOf(BadEvent);
      }
    }),
  );
});

test("the recorded bearer token is the hash of its key, and a fallback key is accepted", () => {
  const hash = "cdfaae4b14bd57b555129793d4b6c02456c1d7ecb4de4ea5d36082639feb4f20";
  expect(hashSigningKey("deadbeefcafe0123")).toBe(hash);
  expect(hashSigningKey("signkey-test-deadbeefcafe0123")).toBe(`signkey-test-${hash}`);
  expect(bearerMatches(`Bearer ${hash}`, ["00", "deadbeefcafe0123"])).toBe(true);
  expect(bearerMatches("Bearer nonsense", ["deadbeefcafe0123"])).toBe(false);
  expect(bearerMatches(undefined, ["deadbeefcafe0123"])).toBe(false);
});

test("a signature holds for its body and key only", () => {
  const header = signBody('{"a":1}', "deadbeef", 1_000_000);
  expect(verifyBody('{"a":1}', header, ["cafe", "deadbeef"], 1_000_000)).toBe(true);
  expect(verifyBody('{"a":2}', header, ["deadbeef"], 1_000_000)).toBe(false);
  expect(verifyBody('{"a":1}', undefined, ["deadbeef"], 1_000_000)).toBe(false);
});

test("expressions: a missing key counts as null, and a fault is false", () => {
  const facts = { event: { data: { n: 3, s: "x" } } };
  expect(matches("event.data.n > 2 && event.data.s == 'x'", facts)).toBe(true);
  expect(matches("event.data.missing == 'x'", facts)).toBe(false);
  expect(matches("event.data.missing != 'x'", facts)).toBe(true);
  expect(matches("event.data.s > 2", facts)).toBe(false);
  expect(evaluate("event.data.s + '-' + event.data.s", facts)).toBe("x-x");
});
