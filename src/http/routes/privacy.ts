import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { liftSuppression, listSuppressions } from "#db/queries/suppressions.ts";
import { suppressionKinds, suppressionReasons } from "#db/schema/suppressions.ts";
import type { Deps } from "#src/deps.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import { legalBases } from "#src/domain/privacy/purposes.ts";
import {
  cutoffOf,
  type RetentionPeriod,
  retentionPeriods,
  retentionRules,
} from "#src/domain/privacy/retention-periods.ts";
import { legalBasisRegister, registerPurpose } from "#src/platform/privacy/legal-basis.ts";
import { countDue } from "#src/platform/privacy/retention.ts";
import { receiveObjection, suppress, suppressedBy } from "#src/platform/privacy/suppression.ts";
import { type Endpoint, endpoint, IdParams, Instant, Page, PageQuery } from "../endpoint.ts";
import { freeText, identifier } from "../plain-text.ts";

const Purpose = z.strictObject({
  title: freeText(200),
  legalBasis: z.enum(legalBases).describe("Art. 6(1) GDPR."),
  assessment: freeText(5_000).describe(
    "The balancing test for legitimate interest, or what the basis rests on.",
  ),
  assessmentReference: freeText(500).nullable().default(null).describe("Where the signed document is filed."),
  dataCategories: z.array(freeText(200)).min(1).max(50),
  retention: freeText(500),
});
export const RegisteredPurpose = z.object({
  ...Purpose.shape,
  purpose: z.string(),
  updatedBy: z.string().nullable().describe("Null: as it came with the release."),
  updatedAt: Instant.nullable(),
});

const Contact = z.strictObject({ kind: z.enum(suppressionKinds), value: z.string().min(1).max(300) });
/** Names of things, so that nobody is named. */
const Source = identifier(/^[a-z0-9][a-z0-9._-]{0,49}$/).default("api");
const Reason = z.enum(suppressionReasons);

const Suppression = z.object({
  id: z.uuid(),
  kind: z.enum(suppressionKinds),
  hash: z
    .string()
    .describe("HMAC-SHA-256 under a key of the workspace's, hexadecimal: no way back to the address."),
  reason: Reason,
  source: z.string(),
  createdBy: z.string(),
  createdAt: Instant,
  liftedAt: Instant.nullable(),
  liftedBy: z.string().nullable(),
  liftReason: z.string().nullable(),
});

export const privacyEndpoints = (deps: Deps): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/privacy/legal-bases",
      tag: "privacy",
      role: "viewer",
      summary: "The legal-basis register: why personal data is processed, on which basis, and for how long",
      answer: z.array(RegisteredPurpose),
    },
    ({ workspaceId }) => inWorkspace(deps.db, workspaceId, legalBasisRegister),
  ),
  endpoint(
    {
      method: "put",
      path: "/privacy/legal-bases/:purpose",
      tag: "privacy",
      role: "owner",
      summary: "Sets a purpose of the register down, or a new one",
      description: "Refused when prospects are kept on a basis that no purpose would have any more.",
      params: z.object({ purpose: identifier(/^[a-z][a-z0-9_]{1,49}$/) }),
      body: Purpose,
      answer: RegisteredPurpose,
    },
    ({ workspaceId, principal, audit, params: { purpose }, body }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        await registerPurpose(tx, { ...body, purpose }, principal.id);
        const registered = (await legalBasisRegister(tx)).find((each) => each.purpose === purpose);
        const subject = { kind: "purpose", id: purpose };
        await audit(tx, { action: "purpose.set", subject, legalBasis: body.legalBasis });
        return registered as z.infer<typeof RegisteredPurpose>;
      }),
  ),
  endpoint(
    {
      method: "get",
      path: "/privacy/suppressions",
      tag: "privacy",
      role: "operator",
      summary: "Whom nobody contacts any more, as hashes, the newest first",
      query: PageQuery.extend({ kind: z.enum(suppressionKinds).optional(), reason: Reason.optional() }),
      answer: z.array(Suppression),
      paged: true,
    },
    async ({ workspaceId, query: { cursor, limit, ...filter } }) => {
      const rows = await inWorkspace(deps.db, workspaceId, (tx) =>
        listSuppressions(tx, { filter, beforeId: cursor ?? null, limit: limit + 1 }),
      );
      return Page.of(rows, limit, ({ id }) => id);
    },
  ),
  endpoint(
    {
      method: "post",
      path: "/privacy/suppressions",
      tag: "privacy",
      role: "sales",
      summary: "Suppresses contacts for ever, one or up to a thousand",
      description:
        "All or none: one that is no contact of its kind refuses them all. Those listed stay as they are.",
      body: z.strictObject({
        contacts: z.array(Contact).min(1).max(1_000),
        reason: Reason.default("manual"),
        source: Source,
      }),
      answer: z.object({ added: z.int(), alreadyListed: z.int() }),
      status: 201,
    },
    ({ workspaceId, principal, audit, body: { contacts, reason, source } }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        const cause = { reason, source, by: principal.id };
        const added = await suppress(tx, deps, workspaceId, contacts, cause);
        const details = { contacts: contacts.length, added, reason };
        await audit(tx, {
          action: "suppressions.added",
          subject: { kind: "suppression" },
          legalBasis,
          details,
        });
        return { added, alreadyListed: contacts.length - added };
      }),
  ),
  endpoint(
    {
      method: "post",
      path: "/privacy/suppressions/check",
      tag: "privacy",
      role: "sales",
      summary: "Whether contacts are suppressed: by themselves, or by the domain that they are at",
      body: z.strictObject({ contacts: z.array(Contact).min(1).max(1_000) }),
      answer: z.array(Suppression.nullable()).describe("In the order of the contacts; null: it is not."),
      audit: false,
    },
    ({ workspaceId, body: { contacts } }) =>
      inWorkspace(deps.db, workspaceId, (tx) => suppressedBy(tx, deps, workspaceId, contacts)),
  ),
  endpoint(
    {
      method: "post",
      path: "/privacy/suppressions/:id/lift",
      tag: "privacy",
      role: "owner",
      summary: "Corrects an entry that was made by mistake: it stays, and holds no longer",
      params: IdParams,
      body: z.strictObject({ reason: freeText(500).describe("For the record. Name no person.") }),
      answer: z.object({ id: z.uuid(), status: z.literal("lifted") }),
    },
    ({ workspaceId, principal, audit, params: { id }, body: { reason } }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        if (!(await liftSuppression(tx, { id, by: principal.id, reason })))
          throw new NotFoundError("suppression_not_found", "There is no such suppression that holds.");
        await audit(tx, { action: "suppression.lifted", subject: { kind: "suppression", id }, legalBasis });
        return { id, status: "lifted" as const };
      }),
  ),
  endpoint(
    {
      method: "post",
      path: "/privacy/objections",
      tag: "privacy",
      role: "sales",
      summary:
        "Somebody objects or unsubscribes: suppressed, and their prospects out of all work from now on",
      description:
        "Name a prospect, or how the person was reached. What may not be kept of the prospects, the next retention run removes.",
      body: z
        .strictObject({
          prospectId: z.uuid().optional(),
          contact: Contact.optional(),
          reason: z.enum(["objection", "unsubscribe"]).default("objection"),
          source: Source,
        })
        .refine(({ prospectId, contact }) => prospectId !== undefined || contact !== undefined, {
          message: "name a prospect, or a contact",
          path: ["contact"],
        }),
      answer: z.object({ suppressed: z.int(), prospectIds: z.array(z.uuid()) }),
      status: 201,
    },
    ({ workspaceId, principal, audit, body: { reason, source, ...objection } }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        const cause = { reason, source, by: principal.id };
        const done = await receiveObjection(tx, deps, workspaceId, objection, cause, deps.now());
        const { suppressed, prospectIds } = done;
        // Many prospects may share an address; the trail names the first of them.
        const details = {
          suppressed,
          prospects: prospectIds.length,
          prospectIds: prospectIds.slice(0, 100),
          reason,
        };
        const { prospectId: id } = objection;
        const subject = { kind: "prospect", ...(id ? { id } : {}) };
        await audit(tx, { action: "objection.received", subject, legalBasis, details });
        return done;
      }),
  ),
  endpoint(
    {
      method: "post",
      path: "/privacy/retention/dry-run",
      tag: "privacy",
      role: "admin",
      summary: "What a retention run would remove now, by rule; nothing is removed",
      description:
        "It runs every night at three (Bucharest). Suppressions have no rule: they are kept for ever.",
      answer: z.array(
        z.object({
          rule: z.enum(retentionRules),
          removes: z.string(),
          keepMonths: z.int().nullable(),
          keepDays: z.int().nullable(),
          after: z.string().describe("From when on that time is counted."),
          before: Instant.describe("What is older goes."),
          due: z.int(),
        }),
      ),
      audit: false,
    },
    async ({ workspaceId }) => {
      const now = deps.now();
      const due = await inWorkspace(deps.db, workspaceId, (tx) => countDue(tx, now));
      return retentionRules.map((rule) => {
        const { removes, after, ...keep }: RetentionPeriod = retentionPeriods[rule];
        const { keepMonths = null, keepDays = null } = keep;
        return { rule, removes, keepMonths, keepDays, after, before: cutoffOf(rule, now), due: due[rule] };
      });
    },
  ),
];

/** Of the purpose `suppression` in the register. */
const legalBasis = "legal_obligation";
