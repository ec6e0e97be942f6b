import { createHash } from "node:crypto";
import { canonicalJson } from "./protocol/canonical-json.ts";
import { type FunctionSpec, readFunction } from "./protocol/functions.ts";
import { uuidFromName } from "./protocol/ids.ts";
import type { Database } from "./state/database.ts";
import type { Writer } from "./state/writer.ts";

/** What an app sends to be synced. */
export interface SyncRequest {
  appName: string;
  url: string;
  sdk: string;
  functions: unknown[];
}

export type SyncResult =
  | { ok: true; appId: string; modified: boolean; functions: FunctionSpec[] }
  | { ok: false; problems: string[] };

/** A function and the expression under which an event of some name starts it. */
export interface TriggerMatch {
  fn: FunctionSpec;
  expression: string | null;
}

/** Names of events in memory with the functions that they start. */
const MAX_NAMES = 10_000;

/** The functions that may run: kept in the database, served from memory. */
export class Registry {
  readonly #database: Database;
  readonly #writer: Writer;
  readonly #byId = new Map<string, FunctionSpec>();
  readonly #bySlug = new Map<string, FunctionSpec>();
  readonly #checksums = new Map<string, string>();
  readonly #paused = new Set<string>();
  /** By name of event, for names that came since the last sync. */
  readonly #matches = new Map<string, TriggerMatch[]>();

  constructor(database: Database, writer: Writer) {
    this.#database = database;
    this.#writer = writer;
  }

  /** Reads what was synced before this start. */
  async load(): Promise<void> {
    const apps = await this.#database.pool.query<{ id: string; checksum: string }>(
      "select id, checksum from app",
    );
    for (const app of apps.rows) this.#checksums.set(app.id, app.checksum);
    const found = await this.#database.pool.query<{
      id: string;
      app_id: string;
      config: string;
      archived: boolean;
      paused: boolean;
    }>(
      "select id, app_id, config, archived_at is not null as archived, paused_at is not null as paused from function",
    );
    for (const row of found.rows) {
      if (row.paused) this.#paused.add(row.id);
      const read = readFunction(JSON.parse(row.config), row.app_id);
      if (!("spec" in read)) continue;
      this.#byId.set(read.spec.id, read.spec);
      if (!row.archived) this.#bySlug.set(read.spec.slug, read.spec);
    }
  }

  /** Takes an app's functions, all or none. Functions it no longer serves get no new runs. */
  async sync(request: SyncRequest): Promise<SyncResult> {
    const appId = uuidFromName(`app ${request.appName}`);
    const reads = request.functions.map((raw) => ({ raw, read: readFunction(raw, appId) }));
    const problems = reads.flatMap(({ read }) => ("problems" in read ? read.problems : []));
    const specs = reads.flatMap(({ raw, read }) => ("spec" in read ? [{ raw, spec: read.spec }] : []));
    const slugs = new Set<string>();
    for (const { spec } of specs) {
      if (slugs.has(spec.slug))
        problems.push(`Function "${spec.slug}" is there twice; function ids must be unique.`);
      slugs.add(spec.slug);
      const other = this.#bySlug.get(spec.slug);
      if (other && other.appId !== appId)
        problems.push(`Function "${spec.slug}" already belongs to another app.`);
    }
    if (problems.length > 0) return { ok: false, problems };

    const checksum = createHash("sha256").update(canonicalJson(request)).digest("hex");
    const modified = this.#checksums.get(appId) !== checksum;
    if (modified) await this.#store(appId, request, checksum, specs);
    this.#checksums.set(appId, checksum);
    for (const [slug, spec] of this.#bySlug) if (spec.appId === appId) this.#bySlug.delete(slug);
    for (const { spec } of specs) {
      this.#byId.set(spec.id, spec);
      this.#bySlug.set(spec.slug, spec);
    }
    this.#matches.clear();
    return { ok: true, appId, modified, functions: specs.map(({ spec }) => spec) };
  }

  /** A function by its id, also one that is no longer served (its runs go on). */
  byId(id: string): FunctionSpec | null {
    return this.#byId.get(id) ?? null;
  }

  /** A function that is served now, by "<app>-<function>". */
  bySlug(slug: string): FunctionSpec | null {
    return this.#bySlug.get(slug) ?? null;
  }

  /** Whether the function's work waits until it is resumed. */
  isPaused(fn: FunctionSpec): boolean {
    return this.#paused.has(fn.id);
  }

  /** Pauses or resumes a function, durably. */
  async setPaused(fn: FunctionSpec, paused: boolean): Promise<void> {
    const text =
      "update function set paused_at = case when $2 then coalesce(paused_at, now()) end where id = $1";
    await this.#writer.commit({ statements: [{ text, values: [fn.id, paused] }] });
    if (paused) this.#paused.add(fn.id);
    else this.#paused.delete(fn.id);
  }

  isServed(fn: FunctionSpec): boolean {
    return this.#bySlug.get(fn.slug) === fn;
  }

  ofApp(appName: string): FunctionSpec[] {
    const appId = uuidFromName(`app ${appName}`);
    return [...this.#bySlug.values()].filter((fn) => fn.appId === appId);
  }

  get all(): FunctionSpec[] {
    return [...this.#bySlug.values()];
  }

  /** The functions that an event of this name may start. */
  forEvent(name: string): TriggerMatch[] {
    let matches = this.#matches.get(name);
    if (!matches) {
      matches = this.all.flatMap((fn) =>
        fn.triggers.flatMap((trigger) =>
          "event" in trigger && isNamed(name, trigger.event) ? [{ fn, expression: trigger.expression }] : [],
        ),
      );
      if (this.#matches.size >= MAX_NAMES) this.#matches.clear();
      this.#matches.set(name, matches);
    }
    return matches;
  }

  async #store(
    appId: string,
    request: SyncRequest,
    checksum: string,
    specs: { raw: unknown; spec: FunctionSpec }[],
  ): Promise<void> {
    const ids = specs.map(({ spec }) => spec.id);
    const statements = [
      {
        text: `insert into app (id, name, url, sdk, checksum) values ($1, $2, $3, $4, $5)
               on conflict (id) do update set url = $3, sdk = $4, checksum = $5, synced_at = now()`,
        values: [appId, request.appName, request.url, request.sdk, checksum],
      },
      {
        text: "update function set archived_at = now() where app_id = $1 and not (id = any($2::uuid[]))",
        values: [appId, ids],
      },
      {
        text: `insert into function (id, app_id, slug, config)
               select id, $1, slug, config from unnest($2::uuid[], $3::text[], $4::text[]) as f (id, slug, config)
               on conflict (id) do update set app_id = $1, config = excluded.config, archived_at = null`,
        values: [appId, ids, specs.map(({ spec }) => spec.slug), specs.map(({ raw }) => JSON.stringify(raw))],
      },
    ];
    await this.#writer.commit({ statements });
  }
}

/** A trigger's name may end with a star: then any event is meant whose name begins so. */
function isNamed(name: string, pattern: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
