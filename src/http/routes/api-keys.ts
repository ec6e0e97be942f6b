import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listApiKeys } from "#db/queries/api-keys.ts";
import type { Deps } from "#src/deps.ts";
import { roles } from "#src/domain/access/principal.ts";
import { InvalidInputError } from "#src/domain/errors.ts";
import { createApiKey, revokeApiKey } from "#src/platform/access/api-keys.ts";
import { type Endpoint, endpoint, IdParams, Instant, Page, PageQuery } from "../endpoint.ts";
import { freeText } from "../plain-text.ts";

const Name = freeText(100);
const Scopes = z.array(z.string().max(100)).nullable().describe("Null: all that its role may.");
const RequestsPerMinute = z.int().min(1).max(100_000).nullable().describe("Null: as everybody.");

const ApiKey = z.object({
  id: z.uuid(),
  name: z.string(),
  last4: z.string(),
  role: z.enum(roles),
  scopes: Scopes,
  requestsPerMinute: z.int().nullable(),
  expiresAt: Instant.nullable(),
  createdBy: z.string(),
  createdAt: Instant,
  lastUsedAt: Instant.nullable().describe("To the minute."),
  revokedAt: Instant.nullable(),
});

/** @param scopes all that there are: each route's */
export const apiKeyEndpoints = (deps: Deps, scopes: () => ReadonlySet<string>): Endpoint[] => [
  endpoint(
    {
      method: "post",
      path: "/api-keys",
      tag: "api-keys",
      role: "admin",
      summary: "Makes an API key, which may do no more than who makes it",
      body: z.strictObject({
        name: Name,
        role: z.enum(roles),
        scopes: Scopes.default(null),
        requestsPerMinute: RequestsPerMinute.default(null),
        expiresAt: Instant.nullable().default(null).describe("Null: never."),
      }),
      answer: z.object({
        id: z.uuid(),
        key: z.string().describe("For `Authorization: Bearer …`. Shown this once."),
      }),
      status: 201,
    },
    ({ principal, audit, body }) => {
      const unknown = body.scopes?.find((scope) => !scopes().has(scope));
      if (unknown !== undefined) {
        const message = `There is no such scope; there are ${[...scopes()].sort().join(", ")}.`;
        throw new InvalidInputError("unknown_scope", message, { field: "scopes" });
      }
      const expiresAt = body.expiresAt === null ? null : new Date(body.expiresAt);
      return createApiKey(deps, principal, { ...body, expiresAt }, audit);
    },
  ),
  endpoint(
    {
      method: "get",
      path: "/api-keys",
      tag: "api-keys",
      role: "admin",
      summary: "API keys of this workspace, the newest first, revoked ones too",
      query: PageQuery,
      answer: z.array(ApiKey),
      paged: true,
    },
    async ({ workspaceId, query: { limit, cursor } }) => {
      const page = { beforeId: cursor ?? null, limit: limit + 1 };
      const rows = await inWorkspace(deps.db, workspaceId, (tx) => listApiKeys(tx, page));
      return Page.of(rows, limit, ({ id }) => id);
    },
  ),
  endpoint(
    {
      method: "delete",
      path: "/api-keys/:id",
      tag: "api-keys",
      role: "admin",
      summary: "Revokes an API key, from its next request on",
      params: IdParams,
      answer: z.object({ id: z.uuid() }),
    },
    async ({ principal, audit, params: { id } }) => {
      await revokeApiKey(deps, principal, id, audit);
      return { id };
    },
  ),
];
