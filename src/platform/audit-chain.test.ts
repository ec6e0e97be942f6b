import { expect, it } from "vitest";
import { type ChainedEntry, digestOfDetails, GENESIS, hashOfEntry } from "./audit-chain.ts";

const entry: ChainedEntry = {
  workspaceId: "00000000-0000-7000-8000-000000000001",
  seq: 1,
  at: "2026-11-22T12:00:00.000Z",
  actorKind: "user",
  actorId: "user-1",
  action: "merge.undone",
  subjectKind: "merge",
  subjectId: "merge-1",
  legalBasis: null,
  correlationId: "request-1",
  detailsDigest: null,
  previousHash: GENESIS,
};

// Trails that exist are verified by these: whoever changes what is hashed breaks all of them.
it("hashes as it always has", () => {
  expect(hashOfEntry(entry)).toBe("5c78d9d37fda17e6bf226384680d8873e2127329641cd1d8ab1aa26f136b8628");
  const details = { nonce: "00".repeat(16), ip: "192.0.2.1", details: { count: 2, fields: ["a", "b"] } };
  expect(digestOfDetails(details)).toBe("bbb3d7f12e05ea51eed4db6c99fecf56c1feba9cda47e94ef7ecbcbc0a990af4");
});

it("covers every field, and where one ends and the next begins", () => {
  const changes: Partial<ChainedEntry>[] = [
    ...Object.keys(entry).map((key) => ({ [key]: key === "seq" ? 2 : "other" })),
    { actorKind: "useruser-1", actorId: "" },
    { subjectId: null },
    { legalBasis: "null" },
  ];
  const hashes = changes.map((change) => hashOfEntry({ ...entry, ...change }));
  expect(new Set([hashOfEntry(entry), ...hashes]).size).toBe(changes.length + 1);
});

it("does not mind the order of details, which the database does not keep", () => {
  const of = (details: Record<string, number>) => digestOfDetails({ nonce: "n", ip: null, details });
  expect(of({ a: 1, b: 2 })).toBe(of({ b: 2, a: 1 }));
  expect(of({ a: 1, b: 2 })).not.toBe(of({ a: 2, b: 1 }));
});
