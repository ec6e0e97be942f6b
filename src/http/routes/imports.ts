import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { HttpBindings } from "@hono/node-server";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { createImport, findImport, type Import } from "#db/queries/imports.ts";
import { listRejectedRows } from "#db/queries/rejected-rows.ts";
import type { Deps } from "#src/deps.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import { fileUploaded } from "#src/events/imports.ts";
import { addToOutbox } from "#src/platform/outbox.ts";
import { discardUpload, receiveUpload } from "#src/platform/registry-import/receive-upload.ts";
import { type Endpoint, endpoint, IdParams, Instant, Page, PageQuery } from "../endpoint.ts";

const UploadedFile = z.object({
  importId: z.uuid(),
  jobId: z.uuid(),
  fileName: z.string(),
  format: z.enum(["onrc", "csv"]),
  sizeBytes: z.int(),
  /** Hexadecimal. */
  sha256: z.string(),
});
const ImportState = UploadedFile.extend({
  filter: z.object({ caen: z.array(z.string()).optional(), counties: z.array(z.string()).optional() }),
  status: z.enum(["pending", "loading", "done", "failed"]),
  rows: z.int(),
  imported: z.int(),
  duplicates: z.int(),
  rejected: z.int(),
  rejectedBy: z.record(z.string(), z.int()),
  error: z.string().nullable(),
  createdAt: Instant,
  endedAt: Instant.nullable(),
});

export const importEndpoints = ({ db, config }: Deps): Endpoint[] => [
  endpoint(
    {
      method: "post",
      path: "/imports",
      tag: "imports",
      role: "operator",
      summary: "Takes in a registry export, and enriches what it brings",
      description:
        "Answers once the file is stored and looked at; nothing is stored of a file that cannot be used. " +
        "How far it has come, the job tells.",
      upload: {
        contentType: "multipart/form-data",
        description:
          "The part `file`, and beside it `states` and `activities`; the filters `caen` and `counties`, lists with " +
          "commas; what its job may cost: `maxCostMicros`, `maxCostMicrosPerProspect`.",
      },
      answer: UploadedFile,
      status: 202,
    },
    async ({ c, workspaceId, audit }) => {
      const upload = await receiveUpload(
        { headers: Object.fromEntries(c.req.raw.headers), body: bodyOf(c.env, c.req.raw) },
        { uploadDir: config.UPLOAD_DIR, maxBytes: config.MAX_UPLOAD_BYTES },
      );
      const { file, states, activities, filter, inspected, maxCostMicros, maxCostMicrosPerProspect } = upload;
      const created = await inWorkspace(db, workspaceId, async (tx) => {
        const ids = await createImport(tx, {
          workspaceId,
          fileName: file.name,
          format: inspected.format,
          delimiter: inspected.delimiter,
          filePath: file.path,
          statesPath: states?.path ?? null,
          activitiesPath: activities?.path ?? null,
          sizeBytes: file.sizeBytes,
          sha256: file.sha256,
          filter,
          maxCostMicros,
          maxCostMicrosPerProspect,
        });
        await addToOutbox(tx, [fileUploaded.create({ workspaceId, ...ids, attempt: 1 })]);
        await audit(tx, {
          action: "import.requested",
          subject: { kind: "import", id: ids.importId },
          details: { jobId: ids.jobId, sizeBytes: file.sizeBytes, sha256: file.sha256 },
        });
        return ids;
      }).catch(async (error: unknown) => {
        await discardUpload(upload);
        throw error;
      });
      const { name, sizeBytes, sha256 } = file;
      return { ...created, fileName: name, format: inspected.format, sizeBytes, sha256 };
    },
  ),
  endpoint(
    {
      method: "get",
      path: "/imports/:id",
      tag: "imports",
      role: "viewer",
      summary: "What became of a file's rows",
      params: IdParams,
      answer: ImportState,
    },
    async ({ workspaceId, params: { id } }) =>
      toApi(await inWorkspace(db, workspaceId, (tx) => requireImport(tx, workspaceId, id))),
  ),
  endpoint(
    {
      method: "get",
      path: "/imports/:id/rejected",
      tag: "imports",
      role: "viewer",
      summary: "Rows that were not imported: line, reason and field",
      params: IdParams,
      query: PageQuery.extend({
        cursor: z.coerce
          .number()
          .int()
          .nonnegative()
          .default(0)
          .describe("`meta.nextCursor` of the page before."),
      }),
      answer: z.array(z.object({ lineNumber: z.int(), reason: z.string(), field: z.string().nullable() })),
      paged: true,
    },
    async ({ workspaceId, params: { id }, query: { limit, cursor } }) => {
      const rows = await inWorkspace(db, workspaceId, async (tx) => {
        await requireImport(tx, workspaceId, id);
        return listRejectedRows(tx, { workspaceId, importId: id, afterLine: cursor, limit: limit + 1 });
      });
      return Page.of(rows, limit, ({ lineNumber }) => lineNumber);
    },
  ),
];

async function requireImport(...[tx, workspaceId, id]: Parameters<typeof findImport>): Promise<Import> {
  const row = await findImport(tx, workspaceId, id);
  if (row === null) throw new NotFoundError("import_not_found", "There is no such import.");
  return row;
}

// On Node's server the request itself: a caller who hangs up is noticed, and nothing is copied.
function bodyOf(bindings: unknown, request: Request): Readable {
  const { incoming } = (bindings ?? {}) as Partial<HttpBindings>;
  if (incoming instanceof Readable) return incoming;
  return request.body ? Readable.fromWeb(request.body as ReadableStream) : Readable.from([]);
}

const toApi = (row: Import) => ({
  importId: row.id,
  jobId: row.jobId,
  fileName: row.fileName,
  format: row.format,
  sizeBytes: row.sizeBytes,
  sha256: row.sha256,
  filter: row.filter,
  status: row.status,
  rows: row.rows,
  imported: row.imported,
  duplicates: row.duplicates,
  rejected: row.rejected,
  rejectedBy: row.rejectedBy,
  error: row.errorMessage,
  createdAt: row.createdAt,
  endedAt: row.endedAt,
});
