import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { createImport, findImport, type Import } from "#db/queries/imports.ts";
import { listRejectedRows } from "#db/queries/rejected-rows.ts";
import type { Deps } from "#src/deps.ts";
import { NotFoundError } from "#src/domain/errors.ts";
import { fileUploaded } from "#src/events/imports.ts";
import { addToOutbox } from "#src/platform/outbox.ts";
import { discardUpload, receiveUpload } from "#src/platform/registry-import/receive-upload.ts";
import { type AppEnv, ok } from "../envelope.ts";

const Page = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
  /** `meta.nextCursor` of the page before: a line number. */
  cursor: z.coerce.number().int().nonnegative().default(0),
});

/**
 * POST /imports — multipart: `file`, beside it `states` and `activities`, the filters `caen` and `counties`,
 * and what its job may cost: `maxCostMicros`, `maxCostMicrosPerProspect`.
 * Answers 202 once the file is stored, looked at and its event is in the outbox; nothing is stored of a file that
 * cannot be used. GET /imports/:id — its counts. GET /imports/:id/rejected — line, reason and field of each reject.
 */
export function importRoutes(deps: Deps) {
  const { db, config } = deps;
  return new Hono<AppEnv>()
    .post("/imports", async (c) => {
      const workspaceId = c.get("workspaceId");
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
        return ids;
      }).catch(async (error: unknown) => {
        await discardUpload(upload);
        throw error;
      });
      const { name, sizeBytes, sha256 } = file;
      return ok(
        c,
        { ...created, fileName: name, format: inspected.format, sizeBytes, sha256 },
        { status: 202 },
      );
    })
    .get("/imports/:id", async (c) => {
      const row = await inWorkspace(db, c.get("workspaceId"), (tx) =>
        requireImport(tx, c.get("workspaceId"), c.req.param("id")),
      );
      return ok(c, toApi(row));
    })
    .get("/imports/:id/rejected", async (c) => {
      const workspaceId = c.get("workspaceId");
      const { limit, cursor } = Page.parse(c.req.query());
      const rows = await inWorkspace(db, workspaceId, async (tx) => {
        const { id } = await requireImport(tx, workspaceId, c.req.param("id"));
        // One more than asked for tells whether there is a next page.
        return listRejectedRows(tx, { workspaceId, importId: id, afterLine: cursor, limit: limit + 1 });
      });
      const page = rows.slice(0, limit);
      const nextCursor = rows.length > limit ? page.at(-1)?.lineNumber : null;
      return ok(c, page, { meta: { nextCursor } });
    });
}

async function requireImport(...[tx, workspaceId, id]: [...Parameters<typeof findImport>]): Promise<Import> {
  const row = z.uuid().safeParse(id).success ? await findImport(tx, workspaceId, id) : null;
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
