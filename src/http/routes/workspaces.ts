import { z } from "zod";
import { inAccess } from "#db/client.ts";
import { listWorkspaces } from "#db/queries/workspaces.ts";
import type { Deps } from "#src/deps.ts";
import type { Principal } from "#src/domain/access/principal.ts";
import { ForbiddenError } from "#src/domain/errors.ts";
import { createWorkspace } from "#src/platform/access/workspaces.ts";
import { type Endpoint, endpoint, Page, PageQuery } from "../endpoint.ts";
import { freeText, identifier } from "../plain-text.ts";

const Slug = identifier(/^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$/);
const WorkspaceView = z.object({ id: z.uuid(), slug: z.string(), name: z.string() });

export const workspaceEndpoints = (deps: Deps): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/workspaces",
      tag: "workspaces",
      role: "viewer",
      summary: "Workspaces that a user is a member of, that an API key is of, or all for a service",
      query: PageQuery,
      answer: z.array(WorkspaceView),
      paged: true,
    },
    async ({ principal, query: { limit, cursor } }) => {
      const page = { afterId: cursor ?? null, limit: limit + 1 };
      const rows = await inAccess(deps.db, (tx) => listWorkspaces(tx, visibleTo(principal), page));
      return Page.of(rows, limit, ({ id }) => id);
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/workspaces",
      tag: "workspaces",
      role: "owner",
      summary: "Makes a workspace; the user who does is its owner, a service invites one",
      body: z.strictObject({ slug: Slug, name: freeText(200) }),
      answer: WorkspaceView,
      status: 201,
    },
    ({ principal, audit, body }) => {
      if (principal.kind === "api_key") {
        throw new ForbiddenError("not_for_api_keys", "An API key is of one workspace, and makes no other.");
      }
      return createWorkspace(deps, principal, body, audit);
    },
  ),
];

/** Which workspaces are whose; a service's are all. */
function visibleTo({ kind, id, workspaceId }: Principal): { userId?: string; id?: string } {
  switch (kind) {
    case "user":
      return { userId: id };
    case "api_key":
      return { id: workspaceId };
    case "service":
      return {};
  }
}
