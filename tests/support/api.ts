/** The whole API in this process, on a database of its own; and users, sessions and keys to call it with. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve } from "@hono/node-server";
import { inAccess } from "#db/client.ts";
import { insertMembership, membershipsOf } from "#db/queries/memberships.ts";
import { insertUser } from "#db/queries/users.ts";
import { DEFAULT_WORKSPACE_ID } from "#db/schema/workspaces.ts";
import { createFunctions, enrichmentPlan, fieldSources } from "#functions/registry.ts";
import { closeDeps, createDeps, type Deps } from "#src/deps.ts";
import type { Role } from "#src/domain/access/principal.ts";
import { createApp } from "#src/http/app.ts";
import type { Endpoint } from "#src/http/endpoint.ts";
import { apiEndpoints } from "#src/http/endpoints.ts";
import { SERVER_OPTIONS } from "#src/http/middleware/slow-bodies.ts";
import { hashPassword } from "#src/platform/access/passwords.ts";
import { startSession, type Tokens } from "#src/platform/access/sessions.ts";
import { testConfig } from "./config.ts";
import { createTestDatabase, type TestDatabase } from "./databases.ts";

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at part by part
  body: any;
}

export interface TestApi {
  app: ReturnType<typeof createApp>;
  database: TestDatabase;
  deps: Deps;
  endpoints: readonly Endpoint[];
  /** A request to a path beneath /api/v1, with an address of its own, so that no limit by address is met. */
  request: (
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Headers | Record<string, string> },
  ) => Promise<Answer>;
  stop: () => Promise<void>;
}

export const PASSWORD = "a password of the tests";
/** One for all: it takes a while. */
const passwordHash = hashPassword(PASSWORD);

/** @param now the app's clock, where a test turns it */
export async function startApi({
  now,
  env = {},
}: {
  now?: () => Date;
  env?: Record<string, string>;
} = {}): Promise<TestApi> {
  const database = await createTestDatabase();
  const uploads = await mkdtemp(join(tmpdir(), "api-"));
  const config = testConfig(database.url, {
    UPLOAD_DIR: uploads,
    TRUSTED_PROXIES: "1",
    RATE_LIMIT_PER_MINUTE: "1000000",
    ...env,
  });
  const made = createDeps(config);
  const deps = now ? { ...made, now } : made;
  const parts = {
    functions: createFunctions(deps),
    plan: enrichmentPlan,
    sources: fieldSources,
    isSynced: () => true,
    metricsText: async () => "",
  };
  const app = createApp(deps, parts);
  return {
    app,
    database,
    deps,
    endpoints: apiEndpoints(deps, parts),
    request: async (method, path, { body, headers = {} } = {}) => {
      const sent = new Headers(headers);
      if (!sent.has("x-forwarded-for")) sent.set("x-forwarded-for", someAddress());
      if (body !== undefined) sent.set("content-type", "application/json");
      const answer = await app.request(`/api/v1${path}`, {
        method,
        headers: sent,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return {
        status: answer.status,
        headers: answer.headers,
        body: text.startsWith("{") ? JSON.parse(text) : text,
      };
    },
    stop: async () => {
      await closeDeps(deps);
      await database.drop();
      await rm(uploads, { recursive: true });
    },
  };
}

/** A user of that role, whose password is {@link PASSWORD}. */
export async function makeUser(
  { deps }: TestApi,
  {
    role,
    workspaceId = DEFAULT_WORKSPACE_ID,
    email = `${role}-${Math.random().toString(36).slice(2)}@example.ro`,
  }: { role: Role; workspaceId?: string; email?: string },
): Promise<{ id: string; email: string }> {
  const hash = await passwordHash;
  return inAccess(deps.db, async (tx) => {
    const id = (await insertUser(tx, { email, name: "Ana Test", passwordHash: hash })) as string;
    await insertMembership(tx, { workspaceId, userId: id, role });
    return { id, email };
  });
}

/** A session of a user in the first of their workspaces. */
export const signInAs = ({ deps }: TestApi, userId: string): Promise<Tokens & { sessionId: string }> =>
  inAccess(deps.db, async (tx) => {
    const [membership] = await membershipsOf(tx, userId);
    if (!membership) throw new Error("The user is no member of any workspace.");
    return startSession(deps, tx, userId, membership);
  });

/** A user of that role with a session, and the headers of their requests. */
export async function someone(api: TestApi, role: Role, workspaceId?: string) {
  const user = await makeUser(api, { role, ...(workspaceId ? { workspaceId } : {}) });
  const tokens = await signInAs(api, user.id);
  return { ...user, ...tokens, headers: bearer(tokens.accessToken) };
}

export const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

/** Puts an app on a socket, on a port of its own. */
export async function listen(
  app: Pick<TestApi["app"], "fetch">,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server = serve({
    fetch: app.fetch,
    port: 0,
    hostname: "127.0.0.1",
    serverOptions: SERVER_OPTIONS,
  }) as Server;
  if (!server.listening) await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Of the range for documentation (RFC 3849), one subscriber each. */
const someAddress = () => {
  const part = () => Math.floor(Math.random() * 0xffff).toString(16);
  return `2001:db8:${part()}:${part()}::1`;
};
