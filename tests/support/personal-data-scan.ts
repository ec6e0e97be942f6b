/** Looks for a person in everything that a stack has stored: every table of every database, Redis, every file. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";

export interface Person {
  cui?: number | undefined;
  name?: string | undefined;
  emails: readonly string[];
  /** E.164. */
  phones: readonly string[];
}

/** Where and what, without quoting it. */
export interface Hit {
  place: string;
  what: "cui" | "name" | "email" | "phone";
}

interface Places {
  /** Of a superuser, on any database of the server. */
  databaseUrl: string;
  redisUrl: string;
  dataDir: string;
  /** Folders of {@link Places.dataDir} that hold nothing of ours: Postgres' own pages, whose rows are read by themselves. */
  skip: readonly string[];
}

export async function scanForPerson(person: Person, places: Places): Promise<Hit[]> {
  const looks = lookingFor(person);
  const hits: Hit[] = [];
  const look = (place: string, text: string) => {
    for (const { what, isIn } of looks) if (isIn(text)) hits.push({ place, what });
  };
  await lookThroughDatabases(places.databaseUrl, look);
  await lookThroughRedis(places.redisUrl, look);
  await lookThroughFiles(places.dataDir, places.skip, look);
  return hits;
}

type Look = (place: string, text: string) => void;

function lookingFor({ cui, name, emails, phones }: Person) {
  const tests: { what: Hit["what"]; isIn: (text: string) => boolean }[] = [];
  if (cui) {
    const alone = new RegExp(`(?<![\\w.])(?:RO)?${cui}(?![\\w])`);
    tests.push({ what: "cui", isIn: (text) => alone.test(text) });
  }
  if (name) tests.push({ what: "name", isIn: (text) => folded(text).includes(folded(name)) });
  for (const email of emails)
    tests.push({ what: "email", isIn: (text) => text.toLowerCase().includes(email) });
  for (const phone of phones) {
    const digits = phone.replace(/\D/g, "").slice(-9);
    const written = new RegExp([...digits].join("[ ./()-]{0,3}"));
    tests.push({ what: "phone", isIn: (text) => written.test(text) });
  }
  return tests;
}

const folded = (text: string) =>
  text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, " ");

async function lookThroughDatabases(databaseUrl: string, look: Look): Promise<void> {
  const names = await inDatabase(
    databaseUrl,
    "SELECT datname AS name FROM pg_database WHERE NOT datistemplate",
  );
  for (const { name } of names as { name: string }[]) {
    const url = new URL(databaseUrl);
    url.pathname = `/${name}`;
    const tables = (await inDatabase(
      url.href,
      `SELECT format('%I.%I', nspname, relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
       WHERE relkind IN ('r', 'm', 'p') AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')`,
    )) as { name: string }[];
    for (const table of tables) {
      const rows = (await inDatabase(url.href, `SELECT to_jsonb(t) AS row FROM ${table.name} t`)) as {
        row: Record<string, unknown>;
      }[];
      look(`${name} ${table.name}`, rows.map(({ row }) => textOf(row)).join("\n"));
    }
  }
}

/** A row as JSON, and its bytes as text, plain and as the JSON within JSON that they may be. */
function textOf(row: Record<string, unknown>): string {
  const bytes = Object.values(row).filter(
    (value) => typeof value === "string" && /^\\x[0-9a-f]*$/.test(value),
  );
  const decoded = (bytes as string[]).map((hex) => Buffer.from(hex.slice(2), "hex").toString("utf8"));
  const texts = Object.values(row).filter((value) => typeof value === "string");
  return [JSON.stringify(row), ...texts, ...decoded].join("\n");
}

async function inDatabase(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

async function lookThroughRedis(redisUrl: string, look: Look): Promise<void> {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 3 });
  try {
    for (const key of await redis.keys("*")) {
      const values = await valuesOf(redis, key);
      look(`redis ${key.split(":").slice(0, 2).join(":")}`, [key, ...values].join("\n"));
    }
  } finally {
    await redis.quit();
  }
}

async function valuesOf(redis: Redis, key: string): Promise<(string | null)[]> {
  switch (await redis.type(key)) {
    case "string":
      return [await redis.get(key)];
    case "hash":
      return Object.entries(await redis.hgetall(key)).flat();
    case "zset":
      return redis.zrange(key, "0", "-1");
    case "set":
      return redis.smembers(key);
    case "list":
      return redis.lrange(key, 0, -1);
    default:
      throw new Error(`Nobody has said how ${key} is read.`);
  }
}

async function lookThroughFiles(folder: string, skip: readonly string[], look: Look): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (skip.includes(path)) continue;
    if (entry.isDirectory()) await lookThroughFiles(path, skip, look);
    else if (entry.isFile()) look(path, `${entry.name}\n${await readFile(path, "utf8")}`);
  }
}
