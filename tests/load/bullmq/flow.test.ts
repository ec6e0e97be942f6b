import { expect, test } from "vitest";
import { type FlowNode, flowOf } from "./flow.ts";

/** The order in which BullMQ does a flow's jobs. */
const doneInOrder = (node: FlowNode): string[] => [...node.children.flatMap(doneInOrder), node.id];

test("what does not depend on each other is side by side beneath the first stage, and the last stage is the root", () => {
  const fields = ["a", "b"].map((id) => ({ id, needs: [] }));
  expect(flowOf(fields, ["merge", "score"])).toEqual({
    id: "score",
    children: [
      {
        id: "merge",
        children: [
          { id: "a", children: [] },
          { id: "b", children: [] },
        ],
      },
    ],
  });
});

test("each field is in the flow once, after all that it needs, also where several need the same", () => {
  const fields = [
    { id: "verify", needs: ["find", "site"] },
    { id: "find", needs: ["domain"] },
    { id: "site", needs: ["domain"] },
    { id: "tech", needs: ["site"] },
    { id: "domain", needs: ["score"] },
    { id: "other", needs: [] },
  ];
  const order = doneInOrder(flowOf(fields, ["merge", "score"]));
  expect(order.toSorted()).toEqual([...fields.map(({ id }) => id), "merge", "score"].toSorted());
  for (const { id, needs } of fields) {
    for (const need of needs.filter((each) => each !== "score")) {
      expect(order.indexOf(need)).toBeLessThan(order.indexOf(id));
    }
  }
});

test("fields that need each other are refused", () => {
  const fields = [
    { id: "a", needs: ["b"] },
    { id: "b", needs: ["a"] },
  ];
  expect(() => flowOf(fields, ["merge"])).toThrow("in a circle");
});
