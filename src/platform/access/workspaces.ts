import { enterWorkspace, inAccess } from "#db/client.ts";
import { insertMembership } from "#db/queries/memberships.ts";
import { insertWorkspace, type Workspace } from "#db/queries/workspaces.ts";
import type { Principal } from "#src/domain/access/principal.ts";
import { ConflictError } from "#src/domain/errors.ts";
import type { AccessNeeds, WriteAudit } from "./needs.ts";

/** Makes a workspace. A user becomes its owner; a service invites one. @throws ConflictError when the slug is taken */
export const createWorkspace = (
  { db }: AccessNeeds,
  by: Principal,
  workspace: Omit<Workspace, "id">,
  audit: WriteAudit,
): Promise<Workspace> =>
  inAccess(db, async (tx) => {
    const id = await insertWorkspace(tx, workspace);
    if (!id) throw new ConflictError("slug_taken", "There is a workspace with that slug.");
    if (by.kind === "user") await insertMembership(tx, { workspaceId: id, userId: by.id, role: "owner" });
    await enterWorkspace(tx, by.workspaceId);
    await audit(tx, { action: "workspace.made", subject: { kind: "workspace", id } });
    return { id, ...workspace };
  });
