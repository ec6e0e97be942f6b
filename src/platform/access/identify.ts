/** From what a request brings along to who is asking. */
import { z } from "zod";
import { inAccess, inWorkspace } from "#db/client.ts";
import { findApiKey } from "#db/queries/api-keys.ts";
import { roleInSession } from "#db/queries/sessions.ts";
import { workspaceExists } from "#db/queries/workspaces.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import type { Principal } from "#src/domain/access/principal.ts";
import { NotFoundError, UnauthorizedError } from "#src/domain/errors.ts";
import { readAccessToken } from "./access-tokens.ts";
import { API_KEY_PREFIX, looksLikeApiKey } from "./api-key-format.ts";
import type { AccessNeeds } from "./needs.ts";
import { digestOf, sameSecret } from "./secrets.ts";

export interface Credentials {
  /** X-Service-Key. */
  serviceKey: string | undefined;
  /** Authorization. */
  authorization: string | undefined;
  /** X-Workspace-Id, where a service wants to work; default: the workspace that every installation has. */
  workspaceId: string | undefined;
}

interface Needs extends AccessNeeds {
  config: { SERVICE_KEY?: string | undefined; SERVICE_KEY_PREVIOUS?: string | undefined };
}

/**
 * Who is asking; null: nobody has said.
 * @throws UnauthorizedError for credentials that are wrong, ended or expired
 */
export async function identify(needs: Needs, given: Credentials): Promise<Principal | null> {
  if (given.serviceKey !== undefined) return service(needs, given.serviceKey, given.workspaceId);
  if (given.authorization === undefined) return null;
  const bearer = /^Bearer +(\S+)$/i.exec(given.authorization)?.[1];
  if (!bearer)
    throw new UnauthorizedError("unauthorized", "Send `Authorization: Bearer <access token or API key>`.");
  return bearer.startsWith(API_KEY_PREFIX) ? apiKey(needs, bearer) : user(needs, bearer);
}

async function apiKey({ db, now }: Needs, given: string): Promise<Principal> {
  const found = looksLikeApiKey(given)
    ? await inAccess(db, (tx) => findApiKey(tx, digestOf(given), now()))
    : null;
  if (!found) throw new UnauthorizedError("unauthorized", "This API key is not ours, revoked or expired.");
  return { kind: "api_key", ...found };
}

/** By their access token, and by what holds now: a session that has ended and a role that was changed count at once. */
async function user({ db, vault, now }: Needs, given: string): Promise<Principal> {
  const claims = await readAccessToken(vault, given, now());
  if (claims) {
    const { sub: id, sid: sessionId, workspace: workspaceId } = claims;
    const session = { id: sessionId, userId: id, workspaceId };
    const role = await inAccess(db, (tx) => roleInSession(tx, session, now()));
    if (role) return { kind: "user", id, workspaceId, role, scopes: null, sessionId };
  }
  throw new UnauthorizedError(
    "unauthorized",
    "The access token is not valid, or not any more: refresh it, or sign in.",
  );
}

async function service(
  { db, config }: Needs,
  given: string,
  workspaceId = DEFAULT_WORKSPACE_ID,
): Promise<Principal> {
  const keys = [config.SERVICE_KEY, config.SERVICE_KEY_PREVIOUS].filter((key) => key !== undefined);
  // All are compared, whichever fits.
  if (!keys.map((key) => sameSecret(given, key)).includes(true)) {
    throw new UnauthorizedError("unauthorized", "The X-Service-Key is not ours.");
  }
  const isId = z.uuid().safeParse(workspaceId).success;
  if (!isId || !(await inWorkspace(db, workspaceId, (tx) => workspaceExists(tx, workspaceId)))) {
    throw new NotFoundError("workspace_not_found", "There is no workspace with the id in X-Workspace-Id.");
  }
  return { kind: "service", id: "service", workspaceId, role: "owner", scopes: null };
}
