import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { findDelivery, listDeliveries } from "#db/queries/endpoint-deliveries.ts";
import {
  deleteEndpoint,
  findEndpoint,
  listEndpoints,
  updateEndpoint,
} from "#db/queries/webhook-endpoints.ts";
import { endpointDeliveryStatuses } from "#db/schema/endpoint-deliveries.ts";
import { disabledReasons } from "#db/schema/webhook-endpoints.ts";
import type { Deps } from "#src/deps.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import { maskPersonalNumbers } from "#src/domain/registry/personal-numbers.ts";
import { type WebhookType, webhookTypes } from "#src/domain/webhooks-out.ts";
import {
  createEndpoint,
  found,
  recoverEndpoint,
  retryDelivery,
  rotateEndpointSecret,
  testEndpoint,
} from "#src/platform/webhooks-out/endpoints.ts";
import { type Endpoint, endpoint, IdParams, Instant, Page, PageQuery } from "../endpoint.ts";

const tag = "webhook-endpoints";
const role = "admin";

const types = Object.keys(webhookTypes) as [WebhookType, ...WebhookType[]];
const Shown = z.object({
  id: z.uuid(),
  url: z.url(),
  description: z.string(),
  eventTypes: z.array(z.string()),
  secretLast4: z.string(),
  disabledReason: z.enum(disabledReasons).nullable().describe("Null: it is sent what it wants."),
  disabledAt: Instant.nullable(),
  failingSince: Instant.nullable().describe("The first failure since the last success."),
  createdBy: z.string(),
  createdAt: Instant,
});
const ShownOnce = Shown.extend({ secret: z.string().describe("Shown this once.") });
const Delivery = z.object({
  id: z.uuid(),
  messageId: z.uuid().describe("The header `webhook-id`: the same at every attempt."),
  type: z.string(),
  status: z.enum(endpointDeliveryStatuses).describe("missed: the endpoint was disabled."),
  attempts: z.int(),
  createdAt: Instant,
  endedAt: Instant.nullable(),
});
const DeliveryWithAttempts = Delivery.extend({
  endpointId: z.uuid(),
  data: z.unknown(),
  log: z.array(
    z.object({
      at: Instant,
      httpStatus: z.int().nullable(),
      errorCode: z.string().nullable(),
      response: z.string().nullable().describe("The first KiB of the answer."),
      durationMs: z.int(),
    }),
  ),
});

/** Only https: what is told is not for others on the way. */
const url = z
  .url({ protocol: /^https$/, error: "must be an https:// address" })
  .max(2_000)
  // Asked of what is no URL, too.
  .refine((text) => {
    const parsed = URL.parse(text);
    return !parsed?.username && !parsed?.password;
  }, "must not hold a user or password");
const eventTypes = z.array(z.enum(types)).min(1).max(types.length);
const description = z.string().trim().max(500).overwrite(maskPersonalNumbers);

export const webhookEndpointEndpoints = (deps: Deps): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/webhook-event-types",
      tag,
      role: "viewer",
      summary: "What endpoints can want to know",
      answer: z.array(z.object({ type: z.string(), description: z.string() })),
    },
    async () => types.map((type) => ({ type, description: webhookTypes[type] })),
  ),
  endpoint(
    {
      method: "get",
      path: "/webhook-endpoints",
      tag,
      role,
      summary: "Addresses of your own systems that are told what happens here",
      query: PageQuery,
      answer: z.array(Shown),
      paged: true,
    },
    async ({ workspaceId, query: { limit, cursor } }) => {
      const rows = await inWorkspace(deps.db, workspaceId, (tx) =>
        listEndpoints(tx, { afterId: cursor ?? null, limit: limit + 1 }),
      );
      return Page.of(rows, limit, ({ id }) => id);
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/webhook-endpoints",
      tag,
      role,
      summary: "Adds an address",
      description:
        "Messages are signed as Standard Webhooks says (`webhook-id`, `webhook-timestamp`, `webhook-signature`), and " +
        "`X-Webhook-Signature` is the body's HMAC-SHA256 in hexadecimal, both under the bytes that the secret's base64 " +
        "stands for. Answer 2xx within 10 s. Else we try again for a day, after 5, 10 and 20 s and then ever longer; " +
        "410 ends it for good. Each message comes at least once, in no promised order; its `webhook-id` stays.",
      body: z.strictObject({ url, eventTypes, description: description.default("") }),
      answer: ShownOnce,
      status: 201,
    },
    async ({ workspaceId, principal, audit, body }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        const made = await createEndpoint(tx, deps.vault, { ...body, workspaceId, by: principal.id });
        await audit(tx, {
          action: "webhook_endpoint.created",
          subject: { kind: "webhook_endpoint", id: made.id },
        });
        return made;
      }),
  ),
  endpoint(
    {
      method: "get",
      path: "/webhook-endpoints/:id",
      tag,
      role,
      summary: "One address",
      params: IdParams,
      answer: Shown,
    },
    async ({ workspaceId, params: { id } }) =>
      found(await inWorkspace(deps.db, workspaceId, (tx) => findEndpoint(tx, id))),
  ),
  endpoint(
    {
      method: "patch",
      path: "/webhook-endpoints/:id",
      tag,
      role,
      summary: "Changes an address, or switches it on or off",
      params: IdParams,
      body: z.strictObject({
        url: url.optional(),
        eventTypes: eventTypes.optional(),
        description: description.optional(),
        enabled: z.boolean().optional(),
      }),
      answer: Shown,
    },
    async ({ workspaceId, audit, params: { id }, body }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        const { url, eventTypes, description, enabled } = body;
        const changed = found(
          await updateEndpoint(tx, id, {
            ...(url === undefined ? {} : { url }),
            ...(eventTypes === undefined ? {} : { eventTypes }),
            ...(description === undefined ? {} : { description }),
            ...(enabled === undefined ? {} : { enabled }),
          }),
        );
        await audit(tx, {
          action: "webhook_endpoint.changed",
          subject: { kind: "webhook_endpoint", id },
          details: { changed: Object.keys(body) },
        });
        return changed;
      }),
  ),
  endpoint(
    {
      method: "delete",
      path: "/webhook-endpoints/:id",
      tag,
      role,
      summary: "Removes an address with its log",
      params: IdParams,
      answer: z.object({ id: z.uuid(), status: z.literal("removed") }),
    },
    async ({ workspaceId, audit, params: { id } }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        if (!(await deleteEndpoint(tx, id))) found(null);
        await audit(tx, { action: "webhook_endpoint.removed", subject: { kind: "webhook_endpoint", id } });
        return { id, status: "removed" as const };
      }),
  ),
  endpoint(
    {
      method: "post",
      path: "/webhook-endpoints/:id/rotate-secret",
      tag,
      role,
      summary: "A new secret; the one before signs beside it for 24 hours",
      params: IdParams,
      answer: ShownOnce,
    },
    async ({ workspaceId, audit, params: { id } }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        const changed = await rotateEndpointSecret(tx, deps, workspaceId, id);
        await audit(tx, {
          action: "webhook_endpoint.secret_rotated",
          subject: { kind: "webhook_endpoint", id },
        });
        return changed;
      }),
  ),
  endpoint(
    {
      method: "post",
      path: "/webhook-endpoints/:id/test",
      tag,
      role,
      summary: "Sends a ping now, and answers what came of it",
      params: IdParams,
      answer: DeliveryWithAttempts,
    },
    async ({ workspaceId, audit, params: { id } }) => {
      const delivery = await testEndpoint(deps, workspaceId, id);
      await inWorkspace(deps.db, workspaceId, (tx) =>
        audit(tx, { action: "webhook_endpoint.tested", subject: { kind: "webhook_endpoint", id } }),
      );
      return delivery;
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/webhook-endpoints/:id/recover",
      tag,
      role,
      summary: "Switches it on, and sends what it has missed and what failed since then",
      description: "Ten messages a second, 5,000 at most: where `messages` is the limit, ask again later.",
      params: IdParams,
      body: z.strictObject({ since: Instant }),
      answer: z.object({ messages: z.int(), limit: z.int() }),
      status: 202,
    },
    async ({ workspaceId, audit, params: { id }, body }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        const recovered = await recoverEndpoint(tx, workspaceId, { id, since: new Date(body.since) });
        await audit(tx, {
          action: "webhook_endpoint.recovered",
          subject: { kind: "webhook_endpoint", id },
          details: { messages: recovered.messages },
        });
        return recovered;
      }),
  ),
  endpoint(
    {
      method: "get",
      path: "/webhook-endpoints/:id/deliveries",
      tag,
      role,
      summary: "What it was sent, the newest first",
      params: IdParams,
      query: PageQuery.extend({ status: z.enum(endpointDeliveryStatuses).optional() }),
      answer: z.array(Delivery),
      paged: true,
    },
    async ({ workspaceId, params, query: { status, cursor, limit } }) => {
      const rows = await inWorkspace(deps.db, workspaceId, async (tx) => {
        const { id } = found(await findEndpoint(tx, params.id));
        const page = { endpointId: id, status: status ?? null, beforeId: cursor ?? null, limit: limit + 1 };
        return listDeliveries(tx, page);
      });
      return Page.of(rows, limit, ({ id }) => id);
    },
  ),
  endpoint(
    {
      method: "get",
      path: "/endpoint-deliveries/:id",
      tag,
      role,
      summary: "One delivery, with every attempt",
      params: IdParams,
      answer: DeliveryWithAttempts,
    },
    async ({ workspaceId, params: { id } }) => {
      const delivery = await inWorkspace(deps.db, workspaceId, (tx) => findDelivery(tx, id));
      if (!delivery) throw new NotFoundError("delivery_not_found", "There is no such delivery.");
      return delivery;
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/endpoint-deliveries/:id/retry",
      tag,
      role,
      summary: "Sends it again, with all its attempts",
      params: IdParams,
      answer: z.object({ id: z.uuid(), status: z.literal("pending") }),
      status: 202,
    },
    async ({ workspaceId, audit, params: { id } }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        await retryDelivery(tx, workspaceId, id);
        await audit(tx, { action: "endpoint_delivery.retried", subject: { kind: "endpoint_delivery", id } });
        return { id, status: "pending" as const };
      }),
  ),
];
