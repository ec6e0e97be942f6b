import { expect, it } from "vitest";
import { decideMemberChange } from "./members.ts";
import { type Role, roles } from "./principal.ts";

const by = (role: Role) => ({ role, scopes: null });

it.each([
  ["an admin makes a viewer an operator", "admin", { role: "viewer", owners: 1 }, "operator", "allowed"],
  ["an admin makes nobody an owner", "admin", { role: "viewer", owners: 1 }, "owner", "above_own_role"],
  ["an admin does not touch an owner", "admin", { role: "owner", owners: 2 }, "viewer", "above_own_role"],
  ["an admin does not remove an owner", "admin", { role: "owner", owners: 2 }, null, "above_own_role"],
  ["an owner demotes another one", "owner", { role: "owner", owners: 2 }, "admin", "allowed"],
  ["the last owner stays owner", "owner", { role: "owner", owners: 1 }, "admin", "last_owner"],
  ["the last owner stays", "owner", { role: "owner", owners: 1 }, null, "last_owner"],
  ["the last owner may be told what they are", "owner", { role: "owner", owners: 1 }, "owner", "allowed"],
] as const)("%s", (_, role, member, next, decision) => {
  expect(decideMemberChange(by(role), member, next)).toBe(decision);
});

it("nobody raises anybody above their own role, or touches those above", () => {
  for (const role of roles) {
    for (const of of roles) {
      for (const next of [...roles, null]) {
        const above =
          roles.indexOf(of) < roles.indexOf(role) || (next && roles.indexOf(next) < roles.indexOf(role));
        const decision = decideMemberChange(by(role), { role: of, owners: 2 }, next);
        expect(decision).toBe(above ? "above_own_role" : "allowed");
      }
    }
  }
});
