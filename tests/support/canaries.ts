/**
 * Credentials that can be found again wherever they turn up, and a provider in front of the simulators that knows them:
 * each says itself what becomes of a request that is made with it.
 */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Redis } from "ioredis";
import type pg from "pg";
import { simulatedEnv } from "#infra/simulator/catalog.ts";
import type { Catalog } from "#src/platform/connect-providers.ts";
import type { Credentials } from "#src/platform/credentials.ts";
import { catalog } from "#src/providers/catalog.ts";

/** `pass`: the simulator answers. The others answer with all that they were sent; `hang` does not answer at all. */
export const fates = ["pass", "refuse", "break", "garble", "oddity", "cut", "hang"] as const;
export type Fate = (typeof fates)[number];

const MARK = "canary-";

/** The providers that want credentials. */
export const proved = Object.values(catalog as Catalog).filter(
  ({ credentials }) => credentials !== undefined,
);

/** Credentials for a provider, by part. */
export const canariesFor = ({ slug, credentials = {} }: Catalog[string], fate: Fate): Credentials =>
  Object.fromEntries(
    Object.keys(credentials).map((part) => [
      part,
      `${MARK}${fate}-${slug}-${part.toLowerCase()}-${randomBytes(6).toString("hex")}`,
    ]),
  );

export interface CanaryProvider {
  /** Base URLs for all providers, and no keys. */
  env: Record<string, string>;
  /** Which fate of which provider was met: `hunter pass`. */
  met: Set<string>;
  stop: () => Promise<void>;
}

/** @param simulatorUrl where those who may pass are sent to, with the keys that simulators want */
export async function startCanaryProvider(simulatorUrl: () => string): Promise<CanaryProvider> {
  const met = new Set<string>();
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const said = `${request.url} ${JSON.stringify(request.headers)} ${decoded(request)} ${body}`;
    const [, fate = "pass", slug = ""] = /canary-([a-z]+)-([a-z-]+?)-[a-z]+-[0-9a-f]{12}/.exec(said) ?? [];
    met.add(`${slug} ${fate}`);
    await answer(fate as Fate, { request, response, body, said }, simulatorUrl()).catch(() => {
      response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keys = new Set(proved.flatMap(({ credentials }) => Object.values(credentials ?? {})));
  const env = Object.entries(simulatedEnv(url)).map(([name, value]) => [name, keys.has(name) ? "" : value]);
  return {
    env: Object.fromEntries(env),
    met,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  body: string;
  said: string;
}

async function answer(fate: Fate, { request, response, body, said }: Exchange, simulatorUrl: string) {
  const json = { "content-type": "application/json" };
  const echo = JSON.stringify({
    error: `Wrong: ${said}`,
    message: said,
    detail: said,
    errors: [{ details: said }],
  });
  switch (fate) {
    case "refuse":
      return response.writeHead(401, json).end(echo);
    case "break":
      return response.writeHead(500, json).end(echo);
    case "garble":
      return response.writeHead(200, { "content-type": "text/html" }).end(`<p>${said}</p>`);
    case "oddity":
      return response.writeHead(200, json).end(echo);
    case "cut":
      return response
        .writeHead(200, { ...json, "content-length": "100000" })
        .write(echo, () => response.destroy());
    case "hang":
      return;
    case "pass": {
      const headers = Object.entries(request.headers).filter(([name]) => !HOP.has(name));
      const passed = await fetch(simulatorUrl + asSimulated(request.url ?? ""), {
        method: request.method ?? "GET",
        headers: headers.map(([name, value]): [string, string] => [name, asSimulated(String(value))]),
        ...(body === "" ? {} : { body: asSimulated(body) }),
      });
      response.writeHead(
        passed.status,
        Object.fromEntries([...passed.headers].filter(([name]) => !HOP.has(name))),
      );
      return response.end(Buffer.from(await passed.arrayBuffer()));
    }
  }
}

const HOP = new Set([
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "accept-encoding",
  "content-encoding",
]);

/** What the simulators want, by provider and part. */
const simulatedKeys = new Map(
  proved.flatMap(({ slug, credentials = {} }) => {
    const env = simulatedEnv("http://simulator");
    return Object.entries(credentials).map(([part, variable]): [string, string] => [
      `${slug}-${part.toLowerCase()}`,
      env[variable] ?? "",
    ]);
  }),
);

/** Canaries become the simulators' keys, also within Basic authentication. */
function asSimulated(value: string): string {
  const basic = /^Basic (.+)$/.exec(value)?.[1];
  if (basic) return `Basic ${btoa(asSimulated(atob(basic)))}`;
  return value.replace(
    /canary-[a-z]+-([a-z-]+)-[0-9a-f]{12}/g,
    (whole, name: string) => simulatedKeys.get(name) ?? whole,
  );
}

const decoded = ({ headers: { authorization = "" } }: IncomingMessage) =>
  authorization.startsWith("Basic ") ? atob(authorization.slice(6)) : "";

/** The mark as it stands in plain text, and within base64 (wherever it begins there) and hexadecimal. */
const TRACES = [
  MARK,
  Buffer.from(MARK).toString("hex"),
  ...[0, 1, 2].map((before) => {
    const encoded = Buffer.from(`${"x".repeat(before)}${MARK}`).toString("base64");
    // Only the characters that depend on the mark alone.
    return encoded.slice(Math.ceil((before * 4) / 3), Math.floor(((before + MARK.length) * 8) / 6));
  }),
];

export const hasCanary = (said: string): boolean => TRACES.some((trace) => said.includes(trace));

/** `schema.table` of every row, in every table of a database, in which a canary stands. */
export async function findInTables(client: pg.Client | pg.Pool): Promise<string[]> {
  const { rows: tables } = await client.query<{ name: string }>(`
    SELECT format('%I.%I', nspname, relname) AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'm') AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')`);
  if (tables.length < 5) throw new Error("Is this the right database?");
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM ${name} AS line WHERE line::text LIKE ANY ($1)`,
      [TRACES.map((trace) => `%${trace}%`)],
    );
    found.push(...Array.from({ length: rows[0]?.count ?? 0 }, () => name));
  }
  return found;
}

/** Every key of this Redis in whose name or value a canary stands. */
export async function findInRedis(redis: Redis): Promise<string[]> {
  const found: string[] = [];
  for await (const keys of redis.scanStream({ count: 1_000 })) {
    for (const key of keys as string[]) {
      const value = await contentOf(redis, key);
      if (hasCanary(`${key} ${JSON.stringify(value)}`)) found.push(key);
    }
  }
  return found;
}

async function contentOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case "string":
      return redis.get(key);
    case "hash":
      return redis.hgetall(key);
    case "list":
      return redis.lrange(key, 0, -1);
    case "set":
      return redis.smembers(key);
    case "zset":
      return redis.zrange(key, "0", "-1");
    case "stream":
      return redis.xrange(key, "-", "+");
    default:
      return null; // gone in the meantime
  }
}
