/** Takes a multipart upload from the network to the disk, in constant memory, and inspects it. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { resolve } from "node:path";
import { type Readable, Transform, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Busboy, type BusboyInstance } from "@fastify/busboy";
import { v7 as uuidv7 } from "uuid";
import type { ImportFilter } from "#db/schema/imports.ts";
import { AppError, InvalidInputError } from "#src/domain/errors.ts";
import { type InspectedUpload, inspectUpload } from "./inspect-upload.ts";
import { displayName, refuse } from "./refuse.ts";
import { keepFile, partialPath, removeFiles, removeOldPartials } from "./upload-files.ts";

export interface StoredFile {
  path: string;
  /** Fit to show. */
  name: string;
  sizeBytes: number;
  /** Hexadecimal. */
  sha256: string;
}

export interface ReceivedUpload {
  file: StoredFile;
  states: StoredFile | null;
  activities: StoredFile | null;
  filter: ImportFilter;
  /** What the job may cost, together and for each prospect; null: no limit of its own. */
  maxCostMicros: number | null;
  maxCostMicrosPerProspect: number | null;
  inspected: InspectedUpload;
}

const PARTS = ["file", "states", "activities"] as const;
type Part = (typeof PARTS)[number];

/**
 * Stores the parts `file`, `states` and `activities` of a multipart body in `uploadDir`, reads the fields `caen`
 * and `counties` (lists with commas), `maxCostMicros` and `maxCostMicrosPerProspect`, and inspects all of it. Whatever goes wrong, a caller who hangs up included,
 * nothing is left behind.
 * @param maxBytes of all files together
 * @throws InvalidInputError what is wrong with the request or with a file
 */
export async function receiveUpload(
  request: { headers: IncomingHttpHeaders; body: Readable },
  options: { uploadDir: string; maxBytes: number },
): Promise<ReceivedUpload> {
  const uploadDir = resolve(options.uploadDir);
  await mkdir(uploadDir, { recursive: true });
  await removeOldPartials(uploadDir, Date.now());
  const files: Partial<Record<Part, StoredFile>> = {};
  try {
    const fields = await readParts(request, files, { uploadDir, maxBytes: options.maxBytes });
    const { file, states = null, activities = null } = files;
    if (!file) {
      throw new InvalidInputError(
        "missing_file",
        "The upload has no part named `file`: send the registry file as that part.",
        { field: "file" },
      );
    }
    const filter = readFilter(fields);
    const maxCostMicros = readMicros(fields, "maxCostMicros");
    const maxCostMicrosPerProspect = readMicros(fields, "maxCostMicrosPerProspect");
    const inspected = await inspectUpload({ file, states, activities, filter });
    for (const stored of [file, states, activities]) if (stored) stored.path = await keepFile(stored.path);
    return { file, states, activities, filter, maxCostMicros, maxCostMicrosPerProspect, inspected };
  } catch (error) {
    await removeFiles(Object.values(files).map(({ path }) => path));
    throw error;
  }
}

/** Takes an upload's files away again, when the import that they were for did not come about. */
export const discardUpload = ({ file, states, activities }: ReceivedUpload): Promise<void> =>
  removeFiles([file.path, states?.path ?? null, activities?.path ?? null]);

async function readParts(
  { headers, body }: { headers: IncomingHttpHeaders; body: Readable },
  files: Partial<Record<Part, StoredFile>>,
  { uploadDir, maxBytes }: { uploadDir: string; maxBytes: number },
): Promise<Map<string, string>> {
  const id = uuidv7();
  const contentType = headers["content-type"] ?? "";
  if (!/^multipart\/form-data\s*;/i.test(contentType)) {
    throw new InvalidInputError(
      "not_multipart",
      "Send the file as multipart/form-data, in a part named `file`.",
      { field: "file" },
    );
  }
  const fields = new Map<string, string>();
  const writing: Promise<void>[] = [];
  const streams: Readable[] = [];
  const budget = { bytesLeft: maxBytes, maxBytes };
  let parser: BusboyInstance;
  try {
    parser = new Busboy({
      headers: { ...headers, "content-type": contentType },
      limits: {
        files: PARTS.length + 1,
        fields: 10,
        fieldSize: 10_000,
        parts: 20,
        fileSize: Number.POSITIVE_INFINITY,
      },
    });
  } catch (error) {
    throw new InvalidInputError(
      "not_multipart",
      "The multipart request names no boundary: send it again as a form upload.",
      { field: "file", cause: error },
    );
  }
  const stop = new AbortController();
  parser.on("file", (part: string, stream: Readable, fileName: string | undefined) => {
    if (!isPart(part) || files[part] !== undefined) {
      const problem = isPart(part)
        ? `The part \`${part}\` comes twice`
        : "A file stands in a part that we do not know";
      stop.abort(
        new InvalidInputError(
          "unexpected_part",
          `${problem}: send \`file\`, and beside it at most \`states\` and \`activities\`.`,
          { field: "file" },
        ),
      );
      stream.resume();
      return;
    }
    const stored: StoredFile = {
      path: partialPath(uploadDir, id, part),
      name: displayName(fileName ?? ""),
      sizeBytes: 0,
      sha256: "",
    };
    files[part] = stored;
    const write = store(stream, stored, part, budget);
    writing.push(write);
    streams.push(stream);
    write.catch((error: unknown) => stop.abort(error));
  });
  parser.on("field", (name: string, value: string) => {
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before},${value}`);
  });
  try {
    await pump(body, parser, stop.signal);
    await Promise.all(writing);
  } catch (error) {
    for (const stream of streams) stream.destroy();
    // Every stream must have ended before the files go.
    await Promise.allSettled(writing);
    const cause = stop.signal.aborted ? stop.signal.reason : error;
    if (cause instanceof AppError || isDiskProblem(cause)) throw cause;
    throw new InvalidInputError("upload_broken_off", "The upload broke off before its end: send it again.", {
      field: "file",
      cause,
    });
  }
  return fields;
}

// Not pipeline(): that would destroy the request, and with it the connection that the refusal goes back on.
function pump(body: Readable, parser: Writable, signal: AbortSignal): Promise<void> {
  return new Promise((done, reject) => {
    const fail = (error: unknown): void => {
      body.unpipe(parser);
      // What still comes is let through to nowhere, so that the caller gets to read the answer.
      body.on("error", () => {});
      body.resume();
      reject(error);
    };
    signal.addEventListener("abort", () => fail(signal.reason), { once: true });
    parser.on("error", fail);
    parser.on("finish", done);
    body.on("error", fail);
    body.on("close", () => {
      if (!body.readableEnded) fail(new Error("The connection was closed."));
    });
    body.pipe(parser);
  });
}

async function store(
  stream: Readable,
  stored: StoredFile,
  part: Part,
  budget: { bytesLeft: number; maxBytes: number },
): Promise<void> {
  const hash = createHash("sha256");
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      stored.sizeBytes += chunk.length;
      budget.bytesLeft -= chunk.length;
      hash.update(chunk);
      if (budget.bytesLeft >= 0) done(null, chunk);
      else
        done(
          refuse(
            "file_too_large",
            { part, name: stored.name },
            `makes the upload larger than the ${budget.maxBytes} bytes that are allowed: split it, or raise MAX_UPLOAD_BYTES.`,
          ),
        );
    },
  });
  await pipeline(stream, measure, createWriteStream(stored.path, { mode: 0o600 }));
  stored.sha256 = hash.digest("hex");
}

const isPart = (name: string): name is Part => (PARTS as readonly string[]).includes(name);

const isDiskProblem = (error: unknown): boolean =>
  error instanceof Error &&
  ["ENOSPC", "EACCES", "EROFS", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");

function readMicros(fields: Map<string, string>, name: string): number | null {
  const text = fields.get(name);
  if (text === undefined || text === "") return null;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new InvalidInputError(
    "invalid_cost",
    `\`${name}\` is a whole number of micro-euros (a million make a euro): for example 5000000.`,
    { field: name },
  );
}

function readFilter(fields: Map<string, string>): ImportFilter {
  const filter: ImportFilter = {};
  const caen = listOf(fields.get("caen"));
  const counties = listOf(fields.get("counties"));
  if (caen.some((prefix) => !/^[0-9]{1,4}$/.test(prefix))) {
    throw new InvalidInputError(
      "invalid_caen",
      "`caen` is a list of CAEN codes or their beginnings, one to four digits each, with commas between: for example `01,0311`.",
      { field: "caen" },
    );
  }
  if (caen.length > 200 || counties.length > 200) {
    throw new InvalidInputError("filter_too_long", "A filter takes 200 values at most: leave some out.", {
      field: caen.length > 200 ? "caen" : "counties",
    });
  }
  if (caen.length > 0) filter.caen = caen;
  if (counties.length > 0) filter.counties = counties.map((county) => county.slice(0, 100));
  return filter;
}

const listOf = (text: string | undefined): string[] => [
  ...new Set(
    (text ?? "")
      .split(",")
      .map((value) => value.trim())
      .filter((value) => value !== ""),
  ),
];
