/** A process that loads an import, to be killed: `node load-import-process.ts URL WORKSPACE IMPORT SEGMENT_ROWS`. */
import { createDb } from "#db/client.ts";
import { loadImport } from "#src/platform/registry-import/load.ts";

const [url, workspaceId, importId, segmentRows] = process.argv.slice(2) as [string, string, string, string];
const db = createDb(url);
await loadImport(
  db,
  { workspaceId, importId },
  { segmentRows: Number(segmentRows), onProgress: ({ rows }) => console.log(rows) },
);
await db.$client.end();
