/** Who is asking: what authentication found out, and what `requireRole` and the audit trail go by. */

/** From the one who may do everything to the one who may only look. Each may do what those after it may. */
export const roles = ["owner", "admin", "operator", "sales", "viewer"] as const;
export type Role = (typeof roles)[number];

export interface Principal {
  kind: "user" | "api_key" | "service";
  /** The user's, the key's or the service's id: what the audit trail names. */
  id: string;
  workspaceId: string;
  role: Role;
  /** What an API key is confined to, such as `prospects:read`; null: all that its role may. */
  scopes: readonly string[] | null;
  /** Of a user: what sign-out ends. */
  sessionId?: string;
  /** Of an API key that has a limit of its own. */
  requestsPerMinute?: number | null;
}

/** Whether a role may do what `least` may. */
export const isAtLeast = (role: Role, least: Role): boolean => roles.indexOf(role) <= roles.indexOf(least);

/** Whether one may hand out this role and these scopes: nobody gives more than they have. */
export function mayGrant(
  by: Pick<Principal, "role" | "scopes">,
  { role, scopes = null }: { role: Role; scopes?: readonly string[] | null },
): boolean {
  if (!isAtLeast(by.role, role)) return false;
  return by.scopes === null || (scopes?.every((scope) => by.scopes?.includes(scope)) ?? false);
}
