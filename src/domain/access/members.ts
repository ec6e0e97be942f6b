/** Who may change whose role. */
import { isAtLeast, mayGrant, type Principal, type Role } from "./principal.ts";

export type MemberChange = "allowed" | "above_own_role" | "last_owner";

/**
 * Whether `by` may give a member another role, or remove them (null). Nobody touches those above them, or raises anybody
 * above themselves; and a workspace keeps an owner.
 */
export function decideMemberChange(
  by: Pick<Principal, "role" | "scopes">,
  member: { role: Role; owners: number },
  role: Role | null,
): MemberChange {
  if (!isAtLeast(by.role, member.role)) return "above_own_role";
  if (role !== null && !mayGrant(by, { role })) return "above_own_role";
  const losesOwner = member.role === "owner" && role !== "owner";
  return losesOwner && member.owners <= 1 ? "last_owner" : "allowed";
}
