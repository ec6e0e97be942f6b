import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { Hono } from "hono";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listSets } from "#db/queries/reference.ts";
import type { Deps } from "#src/deps.ts";
import { InvalidInputError, NotFoundError } from "#src/domain/errors.ts";
import { type DatasetId, datasets } from "#src/domain/reference/datasets.ts";
import { importReference } from "#src/platform/reference/import-reference.ts";
import { type AppEnv, ok } from "../envelope.ts";

const Query = z.strictObject({
  year: z
    .string()
    .regex(/^(19|20)\d\d$/)
    .optional(),
  /** Where the register publishes a year in several files, which of them: each replaces only its own former one. */
  section: z
    .string()
    .regex(/^[a-z0-9-]{1,20}$/)
    .optional(),
  fileName: z.string().min(1).max(200).default("upload"),
});

const isDataset = (name: string): name is DatasetId => Object.hasOwn(datasets, name);

/**
 * PUT /reference/:dataset?year=2025&section=…&fileName=… — a file of a public register as the body (CSV, Excel workbook or PDF
 * table): `curl -T WEB_UU_AN2025.txt …/reference/financial-statements?year=2025`. Answers when it is in use; it replaces
 * the former one of the same year and section. GET /reference — what is in use.
 */
export function referenceRoutes(deps: Deps) {
  return new Hono<AppEnv>()
    .put("/reference/:dataset", async (c) => {
      const dataset = c.req.param("dataset");
      if (!isDataset(dataset)) {
        const known = Object.keys(datasets).join(", ");
        throw new NotFoundError("unknown_dataset", `There is no such dataset; there are: ${known}.`);
      }
      const { year, section, fileName } = Query.parse(c.req.query());
      if (datasets[dataset].yearly && !year) {
        const message = `A file of ${dataset} is about one year: add ?year=, such as ?year=2025.`;
        throw new InvalidInputError("missing_year", message, { field: "year" });
      }
      const { body } = c.req.raw;
      if (!body) throw new InvalidInputError("missing_file", "Send the file as the body of the request.");
      const imported = await importReference(deps, {
        workspaceId: c.get("workspaceId"),
        dataset,
        part: [datasets[dataset].yearly ? year : undefined, section].filter(Boolean).join("/"),
        fileName,
        body: Readable.fromWeb(body as ReadableStream),
      });
      return ok(c, imported, { status: 201 });
    })
    .get("/reference", async (c) => ok(c, await inWorkspace(deps.db, c.get("workspaceId"), listSets)));
}
