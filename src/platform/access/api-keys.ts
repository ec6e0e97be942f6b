import { inWorkspace } from "#db/client.ts";
import { insertApiKey, revokeApiKey as markRevoked, roleOfApiKey } from "#db/queries/api-keys.ts";
import { isAtLeast, mayGrant, type Principal, type Role } from "#src/domain/access/principal.ts";
import { ForbiddenError, NotFoundError } from "#src/domain/errors.ts";
import { newApiKey } from "./api-key-format.ts";
import type { AccessNeeds, WriteAudit } from "./needs.ts";
import { digestOf } from "./secrets.ts";

export interface ApiKeyRequest {
  name: string;
  role: Role;
  /** Null: all that its role may. */
  scopes: readonly string[] | null;
  /** Null: as everybody. */
  requestsPerMinute: number | null;
  expiresAt: Date | null;
}

/**
 * Makes an API key and answers it: the only time that it is shown.
 * @throws ForbiddenError for a role or scopes beyond one's own
 */
export const createApiKey = (
  { db }: AccessNeeds,
  by: Principal,
  wanted: ApiKeyRequest,
  audit: WriteAudit,
): Promise<{ id: string; key: string }> =>
  inWorkspace(db, by.workspaceId, async (tx) => {
    if (!mayGrant(by, wanted)) {
      throw new ForbiddenError("above_own_role", "An API key may do no more than who makes it.");
    }
    const key = newApiKey();
    const { workspaceId, id: createdBy } = by;
    const secret = { keySha256: digestOf(key), last4: key.slice(-4) };
    const id = await insertApiKey(tx, { ...wanted, ...secret, workspaceId, createdBy });
    const { role, scopes } = wanted;
    await audit(tx, { action: "api_key.made", subject: { kind: "api_key", id }, details: { role, scopes } });
    return { id, key };
  });

/** From the next request on it is worth nothing. @throws NotFoundError, ForbiddenError for one above one's own role */
export const revokeApiKey = (
  { db, now }: AccessNeeds,
  by: Principal,
  id: string,
  audit: WriteAudit,
): Promise<void> =>
  inWorkspace(db, by.workspaceId, async (tx) => {
    const role = await roleOfApiKey(tx, id);
    if (!role) throw new NotFoundError("api_key_not_found", "There is no such API key, or it is revoked.");
    if (!isAtLeast(by.role, role)) {
      throw new ForbiddenError("above_own_role", "Nobody revokes a key that may do more than they.");
    }
    await markRevoked(tx, id, by.id, now());
    await audit(tx, { action: "api_key.revoked", subject: { kind: "api_key", id } });
  });
