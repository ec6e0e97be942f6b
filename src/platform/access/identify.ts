/** From what a request brings along to who is asking. */
import { z } from "zod";
import { type Db, inWorkspace } from "#db/client.ts";
import { workspaceExists } from "#db/queries/workspaces.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import type { Principal } from "#src/domain/access/principal.ts";
import { NotFoundError, UnauthorizedError } from "#src/domain/errors.ts";
import { sameSecret } from "./secrets.ts";

export interface Credentials {
  /** X-Service-Key. */
  serviceKey: string | undefined;
  /** Authorization. */
  authorization: string | undefined;
  /** X-Workspace-Id, where a service wants to work; default: the workspace that every installation has. */
  workspaceId: string | undefined;
}

interface Needs {
  db: Db;
  config: { SERVICE_KEY?: string | undefined; SERVICE_KEY_PREVIOUS?: string | undefined };
}

/**
 * Who is asking; null: nobody has said.
 * @throws UnauthorizedError for credentials that are wrong, ended or expired
 */
export async function identify(needs: Needs, given: Credentials): Promise<Principal | null> {
  if (given.serviceKey !== undefined) return service(needs, given.serviceKey, given.workspaceId);
  if (given.authorization === undefined) return null;
  throw new UnauthorizedError(
    "unauthorized",
    "Sign in again: this access token is not valid, or not any more.",
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
