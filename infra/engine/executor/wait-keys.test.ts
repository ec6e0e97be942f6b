import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matches } from "../expressions.ts";
import { eventKey, NO_KEY, waitKey } from "./wait-keys.ts";

const event = { name: "a", data: { k: "z", n: 5, list: [1], nested: { id: 7 } } };

describe("the key of a wait", () => {
  test.each([
    ["async.data.k == event.data.k", { data: { k: "z" } }, { data: { k: "y" } }],
    [
      "event.data.nested.id == async.data.nested.id",
      { data: { nested: { id: 7 } } },
      { data: { nested: { id: "7" } } },
    ],
    ["async.data.x > 3 && async.data['k'] == 'q'", { data: { k: "q" } }, { data: {} }],
    ["async.data.n == 5 && async.data.m == 6", { data: { n: 5 } }, { data: { n: 6 } }],
    ["async.data.gone == event.data.gone", { data: {} }, { data: { gone: 1 } }],
  ])("%s is found by index", (expression, hit, miss) => {
    const { path, matchKey } = waitKey(expression, event);
    expect(path).not.toBe("");
    expect(eventKey(path, hit)).toBe(matchKey);
    expect(eventKey(path, miss)).not.toBe(matchKey);
  });

  test.each([
    null,
    "async.data.k != event.data.k",
    "async.data.k == event.data.k || true",
    "async.data.k == async.data.other",
    "event.data.k == 'z'",
    "async.data.list == event.data.list",
    "size(async.data.k) == 1",
    "!(async.data.k == event.data.k)",
  ])("%s has none", (expression) => {
    expect(waitKey(expression, event)).toEqual(NO_KEY);
  });

  test("an event that an expression accepts always has the wait's key", () => {
    const value = fc.oneof(
      fc.constantFrom("z", "7", "", "true"),
      fc.constantFrom(0, 1, 7, -1, 1.5),
      fc.boolean(),
      fc.constant(null),
      fc.constant([1]),
    );
    const data = fc.record({ a: value, b: value }, { requiredKeys: [] });
    const expressions = [
      "async.data.a == event.data.a",
      "event.data.b == async.data.a && async.data.b == event.data.b",
      "async.data.a == 7",
      "async.data.a == true && async.data.b == 'z'",
      "async.data.a == 1.5",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...expressions), data, data, (expression, mine, theirs) => {
        const facts = { event: { data: mine }, async: { data: theirs } };
        if (!matches(expression, facts)) return;
        const { path, matchKey } = waitKey(expression, facts.event);
        expect(eventKey(path, facts.async)).toBe(matchKey);
      }),
      { numRuns: 2_000 },
    );
  });
});
