import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { findErasure, listErasures } from "#db/queries/erasures.ts";
import { erasureGrounds, erasureStatuses } from "#db/schema/erasures.ts";
import type { Deps } from "#src/deps.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import { countLeft, requestErasure } from "#src/platform/privacy/erasure.ts";
import { knownPerson } from "#src/platform/privacy/person.ts";
import { subjectAccess } from "#src/platform/privacy/subject-access.ts";
import { type Endpoint, endpoint, IdParams, Instant, Page, PageQuery } from "../endpoint.ts";
import { RegisteredPurpose } from "./privacy.ts";

const tag = "privacy";
const role = "admin";
const legalBasis = "legal_obligation";

const Person = z
  .strictObject({
    email: z.string().min(3).max(254).optional(),
    phone: z.string().min(5).max(40).optional(),
    cui: z.string().min(2).max(20).optional().describe("Of a sole trader (PFA, II, IF)."),
    prospectId: z.uuid().optional().describe("Of a prospect that is a sole trader."),
  })
  .refine((person) => Object.values(person).some((value) => value !== undefined), {
    message: "name the person: give an e-mail address, a phone number, a tax id or a prospect",
  });
const Certificate = z.object({
  id: z.uuid(),
  ground: z.enum(erasureGrounds),
  requestedBy: z.string(),
  status: z.enum(erasureStatuses),
  removed: z.record(z.string(), z.int()).describe("Rows removed or cleaned, by place."),
  createdAt: Instant,
  endedAt: Instant.nullable(),
});

export const privacyRequestEndpoints = (deps: Deps): Endpoint[] => [
  endpoint(
    {
      method: "post",
      path: "/privacy/access-requests",
      tag,
      role,
      summary: "Everything that we hold about a person, with where it came from and who was asked",
      description: "The answer holds personal data, and is for the person alone. Nothing of it is stored.",
      body: z.strictObject({ person: Person }),
      answer: z.object({
        held: z.record(z.string(), z.array(z.record(z.string(), z.unknown()))).describe("Rows, by table."),
        cut: z.array(z.string()).describe("Tables of which there is more."),
        purposes: z.array(RegisteredPurpose),
        recipients: z.array(z.string()).describe("Providers that were asked."),
      }),
    },
    ({ workspaceId, audit, body: { person } }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        const access = await subjectAccess(tx, person);
        const rows = Object.values(access.held).reduce((sum, list) => sum + list.length, 0);
        const subject = { kind: "person" };
        await audit(tx, { action: "person.exported", subject, legalBasis, details: { rows } });
        return access;
      }),
  ),
  endpoint(
    {
      method: "post",
      path: "/privacy/erasures/preview",
      tag,
      role,
      summary: "In how many rows a person is found. Nothing is changed",
      body: z.strictObject({ person: Person }),
      answer: z.object({ rows: z.int() }),
      audit: false,
    },
    ({ workspaceId, body: { person } }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => ({
        rows: await countLeft(tx, await knownPerson(tx, person)),
      })),
  ),
  endpoint(
    {
      method: "post",
      path: "/privacy/erasures",
      tag,
      role,
      summary: "Removes a person's data from every place, for good",
      description:
        "The person is suppressed at once, as a hash that keeps imports and providers from bringing them back. What was " +
        "removed where is in the certificate, `GET /privacy/erasures/:id`, when its status is `done`.",
      body: z.strictObject({ person: Person, ground: z.enum(erasureGrounds) }),
      answer: z.object({ erasureId: z.uuid() }),
      status: 202,
    },
    ({ workspaceId, principal, audit, body }) =>
      inWorkspace(deps.db, workspaceId, async (tx) => {
        const id = await requestErasure(tx, deps, workspaceId, { ...body, by: principal.id });
        const details = { ground: body.ground };
        await audit(tx, {
          action: "erasure.requested",
          subject: { kind: "erasure", id },
          legalBasis,
          details,
        });
        return { erasureId: id };
      }),
  ),
  endpoint(
    {
      method: "get",
      path: "/privacy/erasures",
      tag,
      role,
      summary: "Certificates of erasure, the newest first. They name nobody",
      query: PageQuery,
      answer: z.array(Certificate),
      paged: true,
    },
    async ({ workspaceId, query: { cursor, limit } }) => {
      const rows = await inWorkspace(deps.db, workspaceId, (tx) =>
        listErasures(tx, { beforeId: cursor ?? null, limit: limit + 1 }),
      );
      return Page.of(rows, limit, ({ id }) => id);
    },
  ),
  endpoint(
    {
      method: "get",
      path: "/privacy/erasures/:id",
      tag,
      role,
      summary: "A certificate of erasure",
      params: IdParams,
      answer: Certificate,
    },
    async ({ workspaceId, params: { id } }) => {
      const erasure = await inWorkspace(deps.db, workspaceId, (tx) => findErasure(tx, id));
      if (!erasure) throw new NotFoundError("erasure_not_found", "There is no such erasure.");
      return erasure;
    },
  ),
];
