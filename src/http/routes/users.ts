import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listInvitations } from "#db/queries/invitations.ts";
import { listMembers } from "#db/queries/users.ts";
import type { Deps } from "#src/deps.ts";
import { roles } from "#src/domain/access/principal.ts";
import { invite, revokeInvitation } from "#src/platform/access/invitations.ts";
import { changeRole, removeMember } from "#src/platform/access/members.ts";
import { type Endpoint, endpoint, IdParams, Instant, Page, PageQuery } from "../endpoint.ts";
import { Email } from "./auth.ts";

const Role = z.enum(roles);

const User = z.object({
  id: z.uuid(),
  email: z.string(),
  name: z.string(),
  role: Role,
  joinedAt: Instant,
  lastSignInAt: Instant.nullable(),
  hasTotp: z.boolean(),
});
const Invitation = z.object({
  id: z.uuid(),
  email: z.string(),
  role: Role,
  invitedBy: z.string(),
  createdAt: Instant,
  expiresAt: Instant,
});
const Changed = z.object({
  id: z.uuid(),
  revokedApiKeys: z.int().describe("Made by the user, and for more than they may do now."),
  revokedInvitations: z.int().describe("Likewise."),
});

export const userEndpoints = (deps: Deps): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/users",
      tag: "users",
      role: "admin",
      summary: "Who is a member of this workspace, and as what",
      query: PageQuery,
      answer: z.array(User),
      paged: true,
    },
    async ({ workspaceId, query: { limit, cursor } }) => {
      const page = { afterId: cursor ?? null, limit: limit + 1 };
      const rows = await inWorkspace(deps.db, workspaceId, (tx) => listMembers(tx, page));
      return Page.of(rows, limit, ({ id }) => id);
    },
  ),
  endpoint(
    {
      method: "patch",
      path: "/users/:id",
      tag: "users",
      role: "admin",
      summary: "Gives a member another role, from their next request on",
      description:
        "Nobody changes who is above them, or raises above themselves. A workspace keeps at least one owner.",
      params: IdParams,
      body: z.strictObject({ role: Role }),
      answer: Changed.extend({ role: Role }),
    },
    async ({ principal, audit, params: { id }, body: { role } }) => ({
      id,
      role,
      ...(await changeRole(deps, principal, { userId: id, role }, audit)),
    }),
  ),
  endpoint(
    {
      method: "delete",
      path: "/users/:id",
      tag: "users",
      role: "admin",
      summary: "Removes a member from this workspace, at once",
      params: IdParams,
      answer: Changed,
    },
    async ({ principal, audit, params: { id } }) => ({
      id,
      ...(await removeMember(deps, principal, id, audit)),
    }),
  ),
  endpoint(
    {
      method: "post",
      path: "/invitations",
      tag: "invitations",
      role: "admin",
      summary: "Invites somebody, for 7 days",
      description: "We send no mail: pass `token` on. An open invitation for the same address ends.",
      body: z.strictObject({ email: Email, role: Role }),
      answer: z.object({
        id: z.uuid(),
        token: z.string().describe("For /auth/accept-invitation. Shown this once."),
        expiresAt: Instant,
      }),
      status: 201,
    },
    ({ principal, audit, body }) => invite(deps, principal, body, audit),
  ),
  endpoint(
    {
      method: "get",
      path: "/invitations",
      tag: "invitations",
      role: "admin",
      summary: "Invitations that are open, the newest first",
      query: PageQuery,
      answer: z.array(Invitation),
      paged: true,
    },
    async ({ workspaceId, query: { limit, cursor } }) => {
      const page = { beforeId: cursor ?? null, limit: limit + 1 };
      const rows = await inWorkspace(deps.db, workspaceId, (tx) => listInvitations(tx, page, deps.now()));
      return Page.of(rows, limit, ({ id }) => id);
    },
  ),
  endpoint(
    {
      method: "delete",
      path: "/invitations/:id",
      tag: "invitations",
      role: "admin",
      summary: "Takes an invitation back",
      params: IdParams,
      answer: z.object({ id: z.uuid() }),
    },
    async ({ workspaceId, audit, params: { id } }) => {
      await revokeInvitation(deps, { id, workspaceId }, audit);
      return { id };
    },
  ),
];
