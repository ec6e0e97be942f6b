import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listDeliveries } from "#db/queries/webhook-deliveries.ts";
import { listRefusals } from "#db/queries/webhook-refusals.ts";
import { listSources } from "#db/queries/webhook-sources.ts";
import { deliveryStatuses } from "#db/schema/webhook-deliveries.ts";
import type { Deps } from "#src/deps.ts";
import { addressOf, configureSource, forgetSource, sourceOf } from "#src/platform/webhooks-in/settings.ts";
import { replayDelivery } from "#src/platform/webhooks-in/sweep.ts";
import { webhookSources } from "#src/providers/webhooks.ts";
import { type Endpoint, endpoint, IdParams, Instant, Page, PageQuery } from "../endpoint.ts";

const Source = z.object({
  provider: z.string(),
  url: z.url().describe("Without the secret."),
  secretLast4: z.string(),
  previousUntil: Instant.nullable().describe("Until then the secret before is accepted, too."),
  updatedBy: z.string(),
  updatedAt: Instant,
});
const Refusal = z.object({ day: z.iso.date(), reason: z.string(), count: z.int() });
const Setup = z.object({
  url: z.url().describe("To be entered at the provider. It may hold the secret: it is shown this once."),
  headers: z.record(z.string(), z.string()).describe("Headers that the provider is to be told to send."),
});
const Delivery = z.object({
  id: z.uuid(),
  provider: z.string(),
  status: z.enum(deliveryStatuses),
  eventType: z.string().nullable(),
  problem: z.string().nullable(),
  sizeBytes: z.int(),
  receivedAt: Instant,
  processedAt: Instant.nullable(),
});

const ProviderParams = z.object({ provider: z.string().min(1).max(64) });
const REFUSALS_OF_DAYS = 7;
const DAY_MS = 86_400_000;

export function webhookInEndpoints({ config, db, now, vault }: Deps): Endpoint[] {
  const publicUrl = config.PUBLIC_URL ?? config.appUrl;
  return [
    endpoint(
      {
        method: "get",
        path: "/webhook-sources",
        tag: "webhooks-in",
        role: "admin",
        summary:
          "Providers that send webhooks to this workspace, and how many were refused in the last 7 days",
        answer: z.array(Source.extend({ refusals: z.array(Refusal) })),
      },
      async ({ workspaceId }) => {
        const sinceDay = new Date(now().getTime() - (REFUSALS_OF_DAYS - 1) * DAY_MS)
          .toISOString()
          .slice(0, 10);
        const { sources, refusals } = await inWorkspace(db, workspaceId, async (tx) => ({
          sources: await listSources(tx, workspaceId),
          refusals: await listRefusals(tx, workspaceId, sinceDay),
        }));
        return sources.map((source) => ({
          ...source,
          url: addressOf(publicUrl, workspaceId, source.provider),
          refusals: refusals.filter(({ provider }) => provider === source.provider),
        }));
      },
    ),
    endpoint(
      {
        method: "put",
        path: "/webhook-sources/:provider",
        tag: "webhooks-in",
        role: "admin",
        summary: "Expects webhooks of a provider, or changes its secret",
        description:
          "Where the provider signs (Resend), `secret` is the one that it shows. Else it is made here, and the answer " +
          "holds it this once, in what is to be entered at the provider. The secret before is accepted for " +
          "`overlapHours` longer. A change holds everywhere after two seconds.",
        params: ProviderParams,
        body: z.strictObject({
          secret: z.string().min(1).max(200).optional(),
          overlapHours: z.number().min(0).max(168).default(24),
        }),
        answer: Source.extend({ setup: Setup }),
      },
      async ({ workspaceId, principal, audit, params, body: { secret, overlapHours } }) => {
        const source = sourceOf(webhookSources, params.provider);
        const overlapMs = overlapHours * 3_600_000;
        const change = { workspaceId, secret: secret ?? null, overlapMs, by: principal.id };
        const changed = await inWorkspace(db, workspaceId, async (tx) => {
          const row = await configureSource(tx, { vault, now, publicUrl }, source, change);
          const subject = { kind: "webhook_source", id: source.slug };
          await audit(tx, { action: "webhook_source.changed", subject, details: { overlapHours } });
          return row;
        });
        return { ...changed, url: addressOf(publicUrl, workspaceId, source.slug) };
      },
    ),
    endpoint(
      {
        method: "delete",
        path: "/webhook-sources/:provider",
        tag: "webhooks-in",
        role: "admin",
        summary: "Expects no webhooks of a provider any more",
        params: ProviderParams,
        answer: z.object({ provider: z.string(), status: z.literal("removed") }),
      },
      async ({ workspaceId, audit, params }) => {
        const source = sourceOf(webhookSources, params.provider);
        await inWorkspace(db, workspaceId, async (tx) => {
          await forgetSource(tx, workspaceId, source);
          const subject = { kind: "webhook_source", id: source.slug };
          await audit(tx, { action: "webhook_source.removed", subject });
        });
        return { provider: source.slug, status: "removed" as const };
      },
    ),
    endpoint(
      {
        method: "get",
        path: "/webhooks-in",
        tag: "webhooks-in",
        role: "operator",
        summary:
          "Webhooks that came in, the newest first; `status=unparsed` are those that could not be read",
        query: PageQuery.extend({
          status: z.enum(deliveryStatuses).optional(),
          provider: z.string().max(64).optional(),
        }),
        answer: z.array(Delivery),
        paged: true,
      },
      async ({ workspaceId, query: { cursor, limit, status, provider } }) => {
        const filter = { workspaceId, provider: provider ?? null, status: status ?? null };
        const rows = await inWorkspace(db, workspaceId, (tx) =>
          listDeliveries(tx, { ...filter, beforeId: cursor ?? null, limit: limit + 1 }),
        );
        return Page.of(rows, limit, ({ id }) => id);
      },
    ),
    endpoint(
      {
        method: "post",
        path: "/webhooks-in/:id/replay",
        tag: "webhooks-in",
        role: "operator",
        summary: "Has a webhook read again, as if it had just come in",
        params: IdParams,
        answer: z.object({ id: z.uuid(), status: z.literal("received") }),
        status: 202,
      },
      async ({ workspaceId, audit, params: { id } }) => {
        await inWorkspace(db, workspaceId, async (tx) => {
          await replayDelivery(tx, workspaceId, id);
          await audit(tx, { action: "webhook.replayed", subject: { kind: "webhook", id } });
        });
        return { id, status: "received" as const };
      },
    ),
  ];
}
