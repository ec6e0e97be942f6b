/** The demo's way to the app: the public API, nothing else. */
import { existsSync, openAsBlob, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { JobProgress } from "#db/queries/jobs.ts";

/** Where the app is, and the key that it asks for. */
export interface Api {
  url: string;
  serviceKey: string;
}

/** The API of a stack's app, by the environment that the stack gave it. */
export const apiOf = ({ env }: { env: Record<string, string> }): Api => ({
  url: `${env.APP_URL}/api/v1`,
  serviceKey: env.SERVICE_KEY ?? "",
});

/** A request to a path beneath /api/v1, with the service key. */
export const request = (api: Api, path: string, init: RequestInit = {}): Promise<Response> => {
  const headers = new Headers(init.headers);
  headers.set("X-Service-Key", api.serviceKey);
  return fetch(`${api.url}${path}`, { ...init, headers });
};

/** The app refused: its sentence is for the user. */
export class RefusedError extends Error {}

/** Uploads an export, with its companion files where they lie beside it. @throws RefusedError */
export async function uploadExport(api: Api, file: string): Promise<{ jobId: string; importId: string }> {
  const form = new FormData();
  form.set("file", await openAsBlob(file), basename(file));
  for (const [part, name] of [
    ["states", "OD_STARE_FIRMA.CSV"],
    ["activities", "OD_CAEN_AUTORIZAT.CSV"],
  ] as const) {
    const companion = join(dirname(file), name);
    if (existsSync(companion)) form.set(part, await openAsBlob(companion), name);
  }
  return unwrap(await request(api, "/imports", { method: "POST", body: form }));
}

/** Files of other public registers, by the names under which they are published (the first group: a year). */
const REFERENCE_FILES = [
  { dataset: "financial-statements", name: /^WEB_UU_AN(\d{4})\.txt$/i, section: "uu" },
  { dataset: "financial-statements", name: /^WEB_BL_BS_SL_AN(\d{4})\.txt$/i, section: "bl-bs-sl" },
  { dataset: "farm-payments", name: /^plati-(\d{4})\.(?:csv|xlsx)$/i },
  { dataset: "land-improvement", name: /^ouai\.(?:csv|xlsx|pdf)$/i },
];

/** Uploads what lies beside an export of other public registers; answers what that was. @throws RefusedError */
export async function uploadReference(api: Api, exportFile: string): Promise<string[]> {
  const done: string[] = [];
  for (const fileName of readdirSync(dirname(exportFile)).sort()) {
    for (const { dataset, name, section } of REFERENCE_FILES) {
      const match = name.exec(fileName);
      if (!match) continue;
      const query = new URLSearchParams({
        fileName,
        ...(match[1] ? { year: match[1] } : {}),
        ...(section ? { section } : {}),
      });
      const body = await openAsBlob(join(dirname(exportFile), fileName));
      const answer = await request(api, `/reference/${dataset}?${query}`, { method: "PUT", body });
      const { stored } = await unwrap<{ stored: number }>(answer);
      done.push(`${dataset} (${stored} rows)`);
    }
  }
  return done;
}

/** Reads a job, waiting while the app is away (it may be starting again), for a minute at most. */
export async function readJob(api: Api, jobId: string): Promise<JobProgress> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      const answer = await request(api, `/jobs/${jobId}`, { signal: AbortSignal.timeout(10_000) });
      if (answer.status < 500) return await unwrap(answer);
    } catch (error) {
      if (error instanceof RefusedError) throw error;
    }
    if (Date.now() > deadline) throw new RefusedError("The app has not answered for a minute.");
    await sleep(300);
  }
}

async function unwrap<Data>(answer: Response): Promise<Data> {
  const body = (await answer.json()) as { success: boolean; data: Data; error: { message: string } | null };
  if (!body.success) throw new RefusedError(body.error?.message ?? `HTTP ${answer.status}`);
  return body.data;
}
