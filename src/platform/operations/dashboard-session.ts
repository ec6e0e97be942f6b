/**
 * The cookie that lets a browser see the engine's dashboard through us, for a quarter of an hour: who asked for it, signed
 * under a key of its own. It opens nothing else. A user's is looked at again with every request: when the session has
 * ended, or the role is no longer enough, it is of no use.
 */
import { createHmac } from "node:crypto";
import { z } from "zod";
import { inAccess } from "#db/client.ts";
import { roleInSession } from "#db/queries/sessions.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { isAtLeast, type Principal, roles } from "#src/domain/access/principal.ts";
import type { AccessNeeds } from "../access/needs.ts";
import { sameSecret } from "../access/secrets.ts";

export const DASHBOARD_SECONDS = 900;

const PURPOSE = "ops-dashboard";

const Session = z.object({
  kind: z.enum(["user", "api_key", "service"]),
  id: z.string(),
  workspaceId: z.uuid(),
  role: z.enum(roles),
  sessionId: z.uuid().optional(),
  endsAtMs: z.number(),
});

/**
 * Whether somebody may see the dashboard. It shows the runs of all workspaces, so it is for operators of the
 * installation's own workspace alone, and for no API key that is confined to something else.
 */
export const maySeeDashboard = ({ role, workspaceId, scopes }: Principal): boolean =>
  isAtLeast(role, "operator") &&
  workspaceId === DEFAULT_WORKSPACE_ID &&
  (scopes === null || scopes.includes("operations:write"));

/** The cookie's value. */
export function issueDashboardSession({ vault, now }: AccessNeeds, principal: Principal): string {
  const [current] = vault.derive(PURPOSE);
  if (!current) throw new Error("There is no key to sign with.");
  const { kind, id, workspaceId, role, sessionId } = principal;
  const endsAtMs = now().getTime() + DASHBOARD_SECONDS * 1_000;
  const text = JSON.stringify({ kind, id, workspaceId, role, sessionId, endsAtMs });
  const said = Buffer.from(text).toString("base64url");
  return `${said}.${macOf(said, current.key)}`;
}

/** Whom a cookie's value stands for; null: nobody, or nobody any more. */
export async function readDashboardSession(
  { db, vault, now }: AccessNeeds,
  value: string,
): Promise<Principal | null> {
  const [said = "", mac = ""] = value.split(".");
  // All are compared, whichever fits.
  const isOurs = vault
    .derive(PURPOSE)
    .map(({ key }) => sameSecret(mac, macOf(said, key)))
    .includes(true);
  if (!isOurs) return null;
  const { endsAtMs, sessionId, ...who } = Session.parse(
    JSON.parse(Buffer.from(said, "base64url").toString()),
  );
  if (endsAtMs <= now().getTime()) return null;
  if (who.kind !== "user") return { ...who, scopes: null };
  if (!sessionId) return null;
  const session = { id: sessionId, userId: who.id, workspaceId: who.workspaceId };
  const role = await inAccess(db, (tx) => roleInSession(tx, session, now()));
  return role && { ...who, role, scopes: null, sessionId };
}

const macOf = (said: string, key: Buffer): string =>
  createHmac("sha256", key).update(said).digest("base64url");
