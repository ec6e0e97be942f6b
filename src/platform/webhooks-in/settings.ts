/** What a workspace expects webhooks of, and what is entered at the provider for it. */
import type { Tx } from "#db/client.ts";
import { removeSource, type SourceRow, setSecret } from "#db/queries/webhook-sources.ts";
import { InvalidInputError, NotFoundError } from "#src/domain/errors.ts";
import { newToken } from "../access/secrets.ts";
import type { SealContext, Vault } from "../vault.ts";
import type { WebhookSource, WebhookSources } from "./source.ts";

/** What is to be entered at the provider. */
export interface ProviderSetup {
  /** With the secret in it, where the provider proves itself by nothing else. */
  url: string;
  /** Headers that the provider is told to send. */
  headers: Record<string, string>;
}

/** Where a source's secrets are sealed to. */
export const secretContext = (workspaceId: string, provider: string): SealContext => ({
  workspaceId,
  field: `webhook_sources.secret:${provider}`,
});

/** @throws NotFoundError when no provider of that name sends webhooks */
export function sourceOf(sources: WebhookSources, provider: string): WebhookSource {
  const source = sources.get(provider);
  if (source) return source;
  throw new NotFoundError(
    "webhook_source_not_found",
    `No such source of webhooks; there are ${[...sources.keys()].join(", ")}.`,
  );
}

/**
 * Gives the provider a new secret: one of ours, or the one that the provider has shown. The one before holds for
 * `overlapMs` longer, so that it can be changed at the provider meanwhile.
 * @param secret the provider's; null where it is ours to make
 * @throws InvalidInputError when it is missing, not the provider's kind of secret, or ours to make
 */
export async function configureSource(
  tx: Tx,
  { vault, now, publicUrl }: { vault: Vault; now: () => Date; publicUrl: string },
  source: WebhookSource,
  change: { workspaceId: string; secret: string | null; overlapMs: number; by: string },
): Promise<SourceRow & { setup: ProviderSetup }> {
  const { workspaceId, overlapMs, by } = change;
  const secret = secretFor(source, change.secret);
  const row = await setSecret(tx, {
    workspaceId,
    provider: source.slug,
    secretSealed: vault.seal(secretContext(workspaceId, source.slug), secret),
    secretLast4: secret.slice(-4),
    previousUntil: overlapMs > 0 ? new Date(now().getTime() + overlapMs) : null,
    by,
  });
  const url = addressOf(publicUrl, workspaceId, source.slug);
  const rule = source.secret;
  const setup: ProviderSetup =
    rule.madeBy === "provider"
      ? { url, headers: {} }
      : rule.goesInto === "address"
        ? { url: `${url}?token=${secret}`, headers: {} }
        : { url, headers: { Authorization: `Bearer ${secret}` } };
  return { ...row, setup };
}

/** @throws NotFoundError */
export async function forgetSource(tx: Tx, workspaceId: string, source: WebhookSource): Promise<void> {
  if (await removeSource(tx, workspaceId, source.slug)) return;
  throw new NotFoundError("webhook_source_not_found", "This workspace expects no webhooks of this provider.");
}

/** Without a secret in it. */
export const addressOf = (publicUrl: string, workspaceId: string, provider: string): string =>
  `${publicUrl.replace(/\/$/, "")}/webhooks/${provider}/${workspaceId}`;

function secretFor({ slug, secret: rule }: WebhookSource, given: string | null): string {
  if (rule.madeBy === "us") {
    if (given === null) return newToken("cq_hook_");
    throw new InvalidInputError("secret_not_accepted", `The secret for ${slug} is made here: leave it out.`, {
      field: "secret",
    });
  }
  const parsed = rule.schema.safeParse(given ?? "");
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InvalidInputError(
    "secret_invalid",
    `secret: ${issue?.message ?? "not of the provider's kind"}.`,
    {
      field: "secret",
    },
  );
}
