/** Credentials at providers: what they are made of, how they are kept, and how they are tried out. */
import { z } from "zod";
import type { CredentialsCheck } from "#db/queries/provider-credentials.ts";
import { ConflictError, InvalidInputError } from "#src/domain/errors.ts";
import type { ProviderDefinition } from "./provider.ts";
import { ProviderError } from "./provider-error.ts";
import type { SealContext, Vault } from "./vault.ts";

// biome-ignore lint/suspicious/noExplicitAny: what definitions have in common, whatever they read and offer
type Definition = ProviderDefinition<any, any>;

/** By the names that a provider's definition gives its parts. */
export type Credentials = Record<string, string>;

/** A line break would end a header, and an error about that would quote it. */
const PRINTABLE = z
  .string()
  .max(1_000)
  .regex(/^[\x20-\x7e]+$/, "only printable ASCII characters");

/** What an account at this provider needs: all of its parts, each as its environment variable takes it. */
export function credentialsSchema({ env, credentials = {} }: Definition): z.ZodType<Credentials> {
  const parts = Object.entries(credentials).map(([name, variable]) => [name, PRINTABLE.pipe(env[variable])]);
  return z.strictObject(Object.fromEntries(parts)) as unknown as z.ZodType<Credentials>;
}

/** @throws InvalidInputError that says which part is wrong, and nothing of what was given */
export function parseCredentials(definition: Definition, given: unknown): Credentials {
  const parsed = credentialsSchema(definition).safeParse(given);
  if (parsed.success) return parsed.data;
  const names = Object.keys(definition.credentials ?? {});
  const wrong = names.filter((name) => parsed.error.issues.some(({ path }) => path[0] === name));
  const message = `${definition.slug} needs ${names.join(", ")}, in printable ASCII, and nothing else.`;
  throw new InvalidInputError("invalid_credentials", message, {
    field: ["credentials", ...wrong.slice(0, 1)].join("."),
  });
}

/** The variables of a provider's definition that stand for these. */
export function toEnv({ credentials = {} }: Definition, values: Credentials): Record<string, string> {
  return Object.fromEntries(
    Object.entries(credentials).map(([name, variable]) => [variable, values[name] ?? ""]),
  );
}

export const sealCredentials = (
  vault: Vault,
  workspaceId: string,
  provider: string,
  values: Credentials,
): string => vault.seal(placeOf(workspaceId, provider), JSON.stringify(values));

/** @throws VaultError when they do not open, a ZodError when they are no longer what the definition asks for */
export function openCredentials(
  vault: Vault,
  workspaceId: string,
  definition: Definition,
  sealed: string,
): Credentials {
  const plain = vault.open(placeOf(workspaceId, definition.slug), sealed);
  return credentialsSchema(definition).parse(JSON.parse(plain));
}

/** As `db/queries/sealed-columns.ts` says it, too. */
const placeOf = (workspaceId: string, provider: string): SealContext => ({
  workspaceId,
  field: `provider_credentials.sealed:${provider}`,
});

/** Long enough that four characters give nothing away. */
const SHOWN_FROM = 12;

/** What may be shown of each part; null: it is too short for that. */
export function lastFourOf(values: Credentials): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value.length < SHOWN_FROM ? null : value.slice(-4)]),
  );
}

/**
 * Tries credentials out with the provider's one cheap request. An account without credit is accepted.
 * @param env the variables of all providers, with these credentials in their place
 * @throws InvalidInputError when the provider refuses them, ConflictError when it cannot be found out
 */
export async function tryCredentials(
  { slug, healthCheck }: Definition,
  env: Record<string, unknown>,
  { now, timeoutMs }: { now: () => Date; timeoutMs: number },
): Promise<CredentialsCheck> {
  if (!healthCheck) {
    throw new ConflictError("no_check", `${slug} offers no cheap request to check with: leave "check" out.`);
  }
  try {
    await healthCheck(env, { signal: AbortSignal.timeout(timeoutMs) });
    return { at: now(), error: null };
  } catch (error) {
    const kind = error instanceof ProviderError ? error.kind : "unavailable";
    if (kind === "spent") return { at: now(), error: kind };
    if (kind === "unauthorized") {
      const message = `${slug} does not accept these credentials.`;
      throw new InvalidInputError("credentials_refused", message, { field: "credentials" });
    }
    const message = `${slug} could not be asked whether it accepts them: try again, or leave "check" out.`;
    throw new ConflictError("check_inconclusive", message);
  }
}
