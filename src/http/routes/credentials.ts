import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import {
  deleteCredentials,
  listCredentials,
  type ShownCredentials,
  saveCredentials,
} from "#db/queries/provider-credentials.ts";
import type { Deps } from "#src/deps.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import type { Catalog } from "#src/platform/connect-providers.ts";
import {
  lastFourOf,
  parseCredentials,
  sealCredentials,
  toEnv,
  tryCredentials,
} from "#src/platform/credentials.ts";
import { catalog } from "#src/providers/catalog.ts";
import { type Endpoint, endpoint, Instant } from "../endpoint.ts";

/** How long the provider may take to say whether it accepts them. */
const CHECK_MS = 10_000;

const definitions = Object.values(catalog as Catalog).filter(({ credentials }) => credentials !== undefined);

const ProviderParams = z.object({ provider: z.string().max(100) });
const Credentials = z.object({
  provider: z.string(),
  parts: z.array(z.string()).describe("What an account there is proved with."),
  own: z
    .object({
      lastFour: z
        .record(z.string(), z.string().nullable())
        .describe("The last four characters of each part; null: it is too short to show any."),
      createdAt: Instant,
      createdBy: z.string(),
      updatedAt: Instant,
      updatedBy: z.string(),
      checkedAt: Instant.nullable(),
      checkError: z.string().nullable().describe("What the provider said when checked; null: accepted."),
    })
    .nullable()
    .describe(
      "Null: this workspace has given none, and those of the installation are used, if there are any.",
    ),
});

export const credentialEndpoints = ({ db, vault, accounts, config, now }: Deps): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/credentials",
      tag: "credentials",
      role: "admin",
      summary: "Every provider that wants credentials, and what this workspace has given of them",
      answer: z.array(Credentials),
    },
    async ({ workspaceId }) => {
      const own = await inWorkspace(db, workspaceId, (tx) => listCredentials(tx, workspaceId));
      return definitions.map((definition) => show(definition, own));
    },
  ),
  endpoint(
    {
      method: "get",
      path: "/credentials/:provider",
      tag: "credentials",
      role: "admin",
      summary: "One provider's credentials: their last four characters, never more",
      params: ProviderParams,
      answer: Credentials,
    },
    async ({ workspaceId, params: { provider } }) => {
      const definition = definitionOf(provider);
      return show(definition, await inWorkspace(db, workspaceId, (tx) => listCredentials(tx, workspaceId)));
    },
  ),
  endpoint(
    {
      method: "put",
      path: "/credentials/:provider",
      tag: "credentials",
      role: "admin",
      summary: "Gives this workspace an account of its own at a provider, or replaces its credentials",
      description:
        "Used within five seconds, for what starts then. They are sealed, and nobody can read them again.",
      params: ProviderParams,
      body: z.strictObject({
        credentials: z.record(z.string().max(100), z.string().max(1_000)).describe("By part; see GET."),
        check: z
          .boolean()
          .default(false)
          .describe("Whether the provider is asked first; what it refuses is not stored."),
      }),
      answer: Credentials,
    },
    async ({ workspaceId, principal, audit, params: { provider }, body }) => {
      const definition = definitionOf(provider);
      const values = parseCredentials(definition, body.credentials);
      const env = { ...config, ...toEnv(definition, values) };
      const check = body.check ? await tryCredentials(definition, env, { now, timeoutMs: CHECK_MS }) : null;
      const own = await inWorkspace(db, workspaceId, async (tx) => {
        const sealed = sealCredentials(vault, workspaceId, provider, values);
        const lastFour = lastFourOf(values);
        await saveCredentials(tx, { workspaceId, provider, sealed, lastFour, by: principal.id, check });
        await audit(tx, {
          action: "credentials.set",
          subject: { kind: "provider", id: provider },
          details: { checked: check !== null },
        });
        return listCredentials(tx, workspaceId);
      });
      accounts.forget(workspaceId);
      // Whatever kept us from asking with the former ones says nothing of these.
      const { runtimes } = await accounts.of(workspaceId);
      await runtimes.find(({ slug }) => slug === provider)?.block.clear();
      return show(definition, own);
    },
  ),
  endpoint(
    {
      method: "delete",
      path: "/credentials/:provider",
      tag: "credentials",
      role: "admin",
      summary:
        "Deletes this workspace's credentials; those of the installation are used from then on, if any",
      params: ProviderParams,
      answer: Credentials,
    },
    async ({ workspaceId, audit, params: { provider } }) => {
      const definition = definitionOf(provider);
      await inWorkspace(db, workspaceId, async (tx) => {
        const were = await deleteCredentials(tx, workspaceId, provider);
        if (!were) throw new NotFoundError("no_credentials", `This workspace has none for ${provider}.`);
        await audit(tx, { action: "credentials.deleted", subject: { kind: "provider", id: provider } });
      });
      accounts.forget(workspaceId);
      return show(definition, []);
    },
  ),
];

function definitionOf(provider: string): Catalog[string] {
  const definition = definitions.find(({ slug }) => slug === provider);
  if (definition) return definition;
  const names = definitions.map(({ slug }) => slug).join(", ");
  throw new NotFoundError(
    "provider_not_found",
    `There are credentials for ${names}; not for what the path names.`,
  );
}

function show({ slug, credentials = {} }: Catalog[string], given: readonly ShownCredentials[]) {
  const own = given.find(({ provider }) => provider === slug) ?? null;
  return { provider: slug, parts: Object.keys(credentials), own };
}
