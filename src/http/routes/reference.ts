import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { z } from "zod";
import { inWorkspace } from "#db/client.ts";
import { listSets } from "#db/queries/reference.ts";
import type { Deps } from "#src/deps.ts";
import { InvalidInputError, NotFoundError } from "#src/domain/errors.ts";
import { type DatasetId, datasets } from "#src/domain/reference/datasets.ts";
import { importReference } from "#src/platform/reference/import-reference.ts";
import { type Endpoint, endpoint, Instant, Page, PageQuery } from "../endpoint.ts";
import { freeText, identifier } from "../plain-text.ts";

const RejectedBy = z.record(z.string(), z.int()).describe("Rows that were not kept, by reason.");

const ReferenceSet = z.object({
  id: z.uuid(),
  dataset: z.string(),
  /** The year and section, where the dataset has such. */
  part: z.string(),
  fileName: z.string(),
  status: z.enum(["loading", "active"]),
  rows: z.int(),
  stored: z.int(),
  rejectedBy: RejectedBy,
  activatedAt: Instant.nullable(),
});

const names = Object.keys(datasets);
const isDataset = (name: string): name is DatasetId => Object.hasOwn(datasets, name);

export const referenceEndpoints = (deps: Deps): Endpoint[] => [
  endpoint(
    {
      method: "get",
      path: "/reference",
      tag: "reference",
      role: "viewer",
      summary: "The public registers that are in use",
      query: PageQuery,
      answer: z.array(ReferenceSet),
      paged: true,
    },
    async ({ workspaceId, query: { cursor, limit } }) => {
      const sets = await inWorkspace(deps.db, workspaceId, (tx) =>
        listSets(tx, { afterId: cursor ?? null, limit: limit + 1 }),
      );
      return Page.of(sets, limit, ({ id }) => id);
    },
  ),
  endpoint(
    {
      method: "put",
      path: "/reference/:dataset",
      tag: "reference",
      role: "admin",
      summary: "Takes in a file of a public register, in place of the former one of its year and section",
      description:
        "`curl -T WEB_UU_AN2025.txt …/reference/financial-statements?year=2025`. Answers when it is in use.",
      params: z.object({ dataset: z.string().meta({ enum: names }) }),
      query: z.strictObject({
        year: z
          .string()
          .regex(/^(19|20)\d\d$/)
          .optional(),
        section: identifier(/^[a-z0-9-]{1,20}$/)
          .optional()
          .describe("Where the register publishes a year in several files: which of them this is."),
        fileName: freeText(200).default("upload"),
      }),
      upload: { contentType: "application/octet-stream", description: "A CSV, Excel workbook or PDF table." },
      answer: z.object({
        setId: z.uuid(),
        rows: z.int(),
        stored: z.int(),
        rejectedBy: RejectedBy,
        sha256: z.string(),
      }),
      status: 201,
    },
    ({ c, workspaceId, audit, params: { dataset }, query: { year, section, fileName } }) => {
      if (!isDataset(dataset)) {
        throw new NotFoundError(
          "unknown_dataset",
          `There is no such dataset; there are: ${names.join(", ")}.`,
        );
      }
      const { yearly } = datasets[dataset];
      if (yearly && !year) {
        const message = `A file of ${dataset} is about one year: add ?year=, such as ?year=2025.`;
        throw new InvalidInputError("missing_year", message, { field: "year" });
      }
      const { body } = c.req.raw;
      if (!body) throw new InvalidInputError("missing_file", "Send the file as the body of the request.");
      return importReference(deps, {
        workspaceId,
        dataset,
        part: [yearly ? year : undefined, section].filter(Boolean).join("/"),
        fileName,
        body: Readable.fromWeb(body as ReadableStream),
        afterwards: (tx, { setId: id, stored }) =>
          audit(tx, {
            action: "reference.replaced",
            subject: { kind: "reference_set", id },
            details: { dataset, stored },
          }),
      });
    },
  ),
];
