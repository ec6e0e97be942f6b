/**
 * One route of the API, stated as data: what it takes and answers (zod), who may call it, what it is for. Validation,
 * the envelope, roles and the OpenAPI document all come from that one statement, so that they cannot disagree.
 */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";
import type { Tx } from "#db/client.ts";
import type { Principal, Role } from "#src/domain/access/principal.ts";
import type { AuditEvent } from "#src/platform/audit.ts";
import type { AppEnv } from "./envelope.ts";

export interface EndpointSpec {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** Hono's, beneath /api/v1: `/jobs/:id`. */
  path: `/${string}`;
  /** Its group in the documentation, and the scope of API keys: `${tag}:read` for GET, else `${tag}:write`. */
  tag: string;
  /** The least role that may call it; "public": no sign-in. */
  role: Role | "public";
  summary: string;
  /** More than the summary can say, for the documentation. */
  description?: string;
  params?: z.ZodObject;
  query?: z.ZodObject;
  /** The JSON body. */
  body?: z.ZodType;
  /** A body that the handler reads by itself, as a stream. */
  upload?: { contentType: string; description: string };
  /** What `data` holds. */
  answer: z.ZodType;
  /** Of success; default 200. A POST that answers 201 or 202 creates: it takes an Idempotency-Key. */
  status?: 200 | 201 | 202;
  /** Says that `meta.nextCursor` goes on where this page ends. */
  paged?: boolean;
  /** What else `meta` holds. */
  meta?: z.ZodObject;
  /** false: nothing is changed (an estimate), so that there is nothing to audit. All else but GET is audited. */
  audit?: false;
}

type Output<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** What becomes `T` as JSON: a Date where a string is promised, and objects that hold more than is promised. */
export type Wire<T> = T extends string
  ? T | (string extends T ? Date : never)
  : T extends readonly (infer Item)[]
    ? readonly Wire<Item>[]
    : T extends object
      ? { [Key in keyof T]: Wire<T[Key]> }
      : T;

/** What a handler gets: all of it is checked. */
export interface EndpointRequest<Spec extends EndpointSpec> {
  c: Context<AppEnv>;
  principal: Principal;
  workspaceId: string;
  params: Output<Spec["params"]>;
  query: Output<Spec["query"]>;
  body: Output<Spec["body"]>;
  /**
   * Writes down in the audit trail what the request has done: last in the transaction of the change, as whoever else
   * writes an entry in this workspace waits from here to the commit. Who, from where and the request are known.
   */
  audit: (tx: Tx, entry: RequestAudit) => Promise<void>;
}

/** The actor is the principal; "anonymous" where nobody has signed in, unless the route knows better. */
export type RequestAudit = Pick<AuditEvent, "action" | "subject" | "legalBasis" | "details"> &
  Partial<Pick<AuditEvent, "actor">>;

/** A page of a list. `nextCursor` is null after the last. */
export class Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | number | null;
  /** What else `meta` holds. */
  readonly meta: object;

  constructor(items: readonly Item[], nextCursor: string | number | null, meta: object = {}) {
    this.items = items;
    this.nextCursor = nextCursor;
    this.meta = meta;
  }

  /** Of rows read with `limit + 1`: the one too many tells that there is a next page. */
  static of<Item>(
    rows: readonly Item[],
    limit: number,
    cursorOf: (last: Item) => string | number,
    meta: object = {},
  ): Page<Item> {
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    return new Page(items, rows.length > limit && last !== undefined ? cursorOf(last) : null, meta);
  }
}

type Answer<Spec extends EndpointSpec> =
  | Wire<z.input<Spec["answer"]>>
  | (z.input<Spec["answer"]> extends readonly (infer Item)[] ? Page<Wire<Item>> : never);

export interface Endpoint {
  spec: EndpointSpec;
  /** Answers a Response as it is (a file, a page), a Page as `data` with a cursor, and all else as `data`. */
  handle: (request: EndpointRequest<EndpointSpec>) => Promise<unknown>;
}

/** States a route. The handler's answer is checked against `answer` by its type, and in tests also as it is sent. */
export function endpoint<const Spec extends EndpointSpec>(
  spec: Spec,
  handle: (request: EndpointRequest<Spec>) => Promise<Answer<Spec> | Response>,
): Endpoint {
  return { spec, handle: handle as unknown as Endpoint["handle"] };
}

/** An id of ours in the path; what is no id names nothing, and is answered like an id that nobody has. */
export const IdParams = z.object({ id: z.uuid() });

/** What a list takes whose cursor is an id; `.extend` it with filters. */
export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.uuid().optional().describe("`meta.nextCursor` of the page before."),
});

/** ISO 8601, as we answer it. */
export const Instant = z.iso.datetime({ offset: true });

export const statusOf = (spec: EndpointSpec): ContentfulStatusCode => spec.status ?? 200;

/** Whether it takes an Idempotency-Key: it makes something, for somebody whom we know. */
export const isRepeatable = ({ method, status, role }: EndpointSpec): boolean =>
  method === "post" && (status === 201 || status === 202) && role !== "public";

/** The scope that an API key needs for a route. */
export const scopeOf = ({ tag, method }: EndpointSpec): string =>
  `${tag}:${method === "get" ? "read" : "write"}`;
