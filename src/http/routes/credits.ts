import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listCreditEntries, readCreditAccount, unbalancedAccounts } from "#db/queries/credits.ts";
import { creditKinds } from "#db/schema/credits.ts";
import type { Deps } from "#src/deps.ts";
import { adjustCredits, type CreditChange, grantCredits } from "#src/platform/credits.ts";
import {
  type Endpoint,
  type EndpointRequest,
  type EndpointSpec,
  endpoint,
  Instant,
  Page,
  PageQuery,
} from "../endpoint.ts";
import { freeText } from "../plain-text.ts";

const Account = z
  .object({
    balanceMicros: z.int().describe("Micro-euros that may still be spent."),
    reservedMicros: z.int().describe("Of calls whose cost is not known yet; no longer part of the balance."),
  })
  .nullable()
  .describe("Null: this workspace is not limited by credits. Its first grant changes that.");

const Entry = z.object({
  id: z.uuid(),
  kind: z.enum(creditKinds),
  balanceMicros: z.int().describe("What it added to the balance."),
  reservedMicros: z.int().describe("What it added to what is reserved."),
  reservationId: z.uuid().nullable().describe("The reservation that it ended."),
  reference: z.string(),
  createdBy: z.string().nullable().describe("Null: the engine itself."),
  createdAt: Instant,
});

/** Far below what a JSON number holds exactly, and above what anybody spends: a billion euros. */
const MAX_MICROS = 1_000_000_000_000_000;
type ChangeRequest = Pick<EndpointRequest<EndpointSpec>, "workspaceId" | "principal" | "audit"> & {
  body: Omit<CreditChange, "by">;
};
const Reference = freeText(200).describe("Such as an invoice's number: the same one counts once.");

export const creditEndpoints = ({ db }: Deps): Endpoint[] => {
  /** Does it, and answers what the account came to. */
  const change = (
    { workspaceId, principal, audit, body }: ChangeRequest,
    action: string,
    apply: typeof grantCredits,
  ) =>
    inWorkspace(db, workspaceId, async (tx) => {
      await apply(tx, workspaceId, { ...body, by: principal.id });
      const { amountMicros } = body;
      await audit(tx, {
        action,
        subject: { kind: "credit_account", id: workspaceId },
        details: { amountMicros },
      });
      return readCreditAccount(tx, workspaceId);
    });
  return [
    endpoint(
      {
        method: "get",
        path: "/credits",
        tag: "credits",
        role: "viewer",
        summary: "What this workspace may still spend",
        answer: Account,
      },
      ({ workspaceId }) => inWorkspace(db, workspaceId, (tx) => readCreditAccount(tx, workspaceId)),
    ),
    endpoint(
      {
        method: "get",
        path: "/credits/ledger",
        tag: "credits",
        role: "admin",
        summary: "Every movement of the account, the newest first",
        query: PageQuery,
        answer: z.array(Entry),
        paged: true,
      },
      async ({ workspaceId, query: { cursor, limit } }) => {
        const rows = await inWorkspace(db, workspaceId, (tx) =>
          listCreditEntries(tx, workspaceId, { beforeId: cursor ?? null, limit: limit + 1 }),
        );
        return Page.of(rows, limit, ({ id }) => id);
      },
    ),
    endpoint(
      {
        method: "get",
        path: "/credits/verification",
        tag: "credits",
        role: "admin",
        summary:
          "Adds the whole ledger up: whether it comes to the balance, and its open reservations to what is reserved",
        answer: z.object({ balanced: z.boolean() }),
      },
      async ({ workspaceId }) => {
        const wrong = await inWorkspace(db, workspaceId, unbalancedAccounts);
        return { balanced: wrong.length === 0 };
      },
    ),
    endpoint(
      {
        method: "post",
        path: "/credits/grants",
        tag: "credits",
        role: "owner",
        summary:
          "Adds to the balance; the first grant opens the account, and from then on credits limit spending",
        body: z.strictObject({ amountMicros: z.int().min(1).max(MAX_MICROS), reference: Reference }),
        answer: Account,
        status: 201,
      },
      (request) => change(request, "credits.granted", grantCredits),
    ),
    endpoint(
      {
        method: "post",
        path: "/credits/adjustments",
        tag: "credits",
        role: "owner",
        summary: "Corrects the balance, up or down, never below zero",
        body: z.strictObject({
          amountMicros: z
            .int()
            .min(-MAX_MICROS)
            .max(MAX_MICROS)
            .refine((amount) => amount !== 0, "an adjustment is not 0"),
          reference: Reference,
        }),
        answer: Account,
        status: 201,
      },
      (request) => change(request, "credits.adjusted", adjustCredits),
    ),
  ];
};
