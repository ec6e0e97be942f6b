import { describe, expect, it } from "vitest";
import { isAtLeast, mayGrant, roles } from "./principal.ts";

it("each role may do what those after it may", () => {
  for (const [index, role] of roles.entries()) {
    for (const [other, least] of roles.entries()) expect(isAtLeast(role, least)).toBe(index <= other);
  }
});

describe("nobody gives more than they have", () => {
  it.each([
    ["an owner", { role: "owner", scopes: null }, { role: "owner" }, true],
    ["an admin, of an owner's role", { role: "admin", scopes: null }, { role: "owner" }, false],
    ["a viewer, of a sales role", { role: "viewer", scopes: null }, { role: "sales" }, false],
    [
      "a key with a scope, of all scopes",
      { role: "admin", scopes: ["api-keys:write"] },
      { role: "viewer" },
      false,
    ],
    [
      "a key with a scope, of another",
      { role: "admin", scopes: ["api-keys:write"] },
      { role: "viewer", scopes: ["jobs:read"] },
      false,
    ],
    [
      "a key with scopes, of one of them",
      { role: "admin", scopes: ["api-keys:write", "jobs:read"] },
      { role: "viewer", scopes: ["jobs:read"] },
      true,
    ],
  ] as const)("%s: %o gives %o: %s", (_, by, given, allowed) => {
    expect(mayGrant(by, given)).toBe(allowed);
  });
});
