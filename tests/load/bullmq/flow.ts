/** From the plan's needs, which are a graph, to a flow of BullMQ, which is a tree: a job has one parent. Pure. */

export interface FlowNode {
  id: string;
  children: FlowNode[];
}

/**
 * A tree whose every node comes after all that its field needs (children are done first), with as much side by side as
 * a tree can have. Needs outside `fields` are taken for done. `stages` follow the fields, one after the other.
 */
export function flowOf(
  fields: readonly { id: string; needs: readonly string[] }[],
  stages: readonly string[],
): FlowNode {
  const [first, ...later] = stages;
  if (first === undefined) throw new Error("A flow ends in a stage.");
  const ordered = inOrder(fields);
  const needs = new Map(ordered.map((field) => [field.id, new Set(field.needs)]));
  const children = new Map<string, string[]>();
  for (const { id } of ordered) {
    const needers = ordered.filter((other) => needs.get(other.id)?.has(id)).map((other) => other.id);
    // One parent each: those that need the same field wait for each other.
    needers.forEach((needer, at) => {
      const before = needers[at - 1];
      if (before !== undefined) needs.get(needer)?.add(before);
    });
    const parent = needers[0] ?? first;
    children.set(parent, [...(children.get(parent) ?? []), id]);
  }
  const nodeOf = (id: string): FlowNode => ({ id, children: (children.get(id) ?? []).map(nodeOf) });
  return later.reduce((below, id): FlowNode => ({ id, children: [below] }), nodeOf(first));
}

/** Fields after those that they need. */
function inOrder<Field extends { id: string; needs: readonly string[] }>(fields: readonly Field[]): Field[] {
  const ordered: Field[] = [];
  const waiting = [...fields];
  while (waiting.length > 0) {
    const at = waiting.findIndex(({ needs }) => !waiting.some(({ id }) => needs.includes(id)));
    if (at === -1) throw new Error("Fields need each other in a circle.");
    ordered.push(...waiting.splice(at, 1));
  }
  return ordered;
}
