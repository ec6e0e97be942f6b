import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Ajv2019 } from "ajv/dist/2019.js";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { configSchema, loadConfig } from "#src/config.ts";
import { catalog } from "#src/providers/catalog.ts";
import { TEST_SECRET_KEYS } from "#tests/support/secret-keys.ts";

type Service = {
  image: string;
  build?: { context: string; dockerfile: string; target: string };
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  networks?: string[];
  volumes?: string[];
  profiles?: string[];
  restart?: string;
  healthcheck?: { test?: string[]; disable?: boolean };
  depends_on?: Record<string, { condition: string }>;
};
type Compose = {
  services: Record<string, Service> & { [known in ServiceName]: Service };
  networks: Record<string, { internal?: boolean }>;
};
type ServiceName = "postgres" | "redis" | "inngest" | "migrate" | "app" | "simulator";

const root = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const text = read("docker-compose.yml");
const compose = parse(text, { merge: true }) as Compose;
const dockerfile = read("infra/images/Dockerfile");
const { app, inngest, migrate, postgres, redis, simulator } = compose.services;

/** What compose puts in place of ${X}, ${X:-default} and ${X:?message}. */
function interpolate(value: string, env: Record<string, string>): string {
  return value.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind?: string, rest?: string) => {
    const given = env[name] ?? "";
    if (given === "" && kind === "?") throw new Error(`${name}: ${rest}`);
    return given === "" && kind === "-" ? (rest ?? "") : given;
  });
}

const variables = [...new Set([...text.matchAll(/\$\{(\w+)/g)].map((match) => match[1]))].sort();
const required = [...new Set([...text.matchAll(/\$\{(\w+):\?/g)].map((match) => match[1] ?? ""))];
const filledIn: Record<string, string> = {
  ...Object.fromEntries(required.map((name) => [name, "a".repeat(32)])),
  SECRET_KEYS: TEST_SECRET_KEYS,
};

test("docker-compose.yml is valid by the Compose Specification's own schema", () => {
  const ajv = new Ajv2019({ strict: false, allErrors: true });
  ajv.addFormat("duration", /^(\d+(us|ms|s|m|h))+$/);
  for (const format of ["ports", "expose", "subnet_ip_address"]) ajv.addFormat(format, true);
  // Its dialect and ids are written in a way that validators refuse; the constructor names the dialect instead.
  const schema = JSON.parse(read("tests/fixtures/compose/compose-spec.json"), (key, value) =>
    ["$schema", "id"].includes(key) && typeof value === "string" ? undefined : value,
  );
  const validate = ajv.compile(schema);
  validate(compose);
  expect(validate.errors ?? []).toEqual([]);
  expect(validate({ services: { app: { ...app, restarts: "no" } } }), "an unknown key is an error").toBe(
    false,
  );
});

describe("the app's environment", () => {
  const known = Object.entries(configSchema.shape);

  test("every variable that the app reads is set, or optional", () => {
    const missing = known.filter(
      ([name, schema]) => !(name in (app.environment ?? {})) && !schema.safeParse(undefined).success,
    );
    expect(missing.map(([name]) => name)).toEqual([]);
  });

  test("every provider in the catalog can be given its variables", () => {
    const names = Object.values(catalog).flatMap(({ env }) => Object.keys(env));
    expect(names.filter((name) => !(name in (app.environment ?? {})))).toEqual([]);
  });

  test("nothing is set that the app does not read", () => {
    const names = known.map(([name]) => name);
    expect(Object.keys(app.environment ?? {}).filter((name) => !names.includes(name))).toEqual([]);
  });

  test("with the required variables filled in, the app accepts it", () => {
    const env = Object.entries(app.environment ?? {}).map(([name, value]) => [
      name,
      interpolate(value, filledIn),
    ]);
    const config = loadConfig(Object.fromEntries(env));
    expect(config.DATABASE_URL).toBe(`postgres://cerniq:${filledIn.CERNIQ_DB_PASSWORD}@postgres:5432/cerniq`);
    expect(config.appUrl).toBe("http://app:3000");
  });

  test("a missing secret stops compose with a sentence", () => {
    expect(() => interpolate(app.environment?.SERVICE_KEY ?? "", {})).toThrow("set SERVICE_KEY in .env");
    const names = ["POSTGRES_PASSWORD", "CERNIQ_DB_PASSWORD", "INNGEST_DB_PASSWORD", "REDIS_PASSWORD"];
    expect(required).toEqual(expect.arrayContaining([...names, "INNGEST_EVENT_KEY", "INNGEST_SIGNING_KEY"]));
    expect(required).toContain("SECRET_KEYS");
  });
});

test(".env.example explains every variable of docker-compose.yml, and no other", () => {
  const lines = read(".env.example").split("\n");
  const names = lines.flatMap((line) => /^(\w+)=/.exec(line)?.[1] ?? []);
  expect(names.sort()).toEqual(variables);
  lines.forEach((line, index) => {
    if (/^\w+=/.test(line))
      expect(lines[index - 1], `a comment or a variable above ${line}`).toMatch(/^(# |\w+=)/);
    expect(line).not.toMatch(/^\w+=./); // no secret, and no default that could differ from the code's
  });
});

test("images that are not built here are pinned to an exact version", () => {
  const images = [...Object.values(compose.services).flatMap(({ build, image }) => (build ? [] : [image]))];
  const bases = [...dockerfile.matchAll(/^FROM (\S+:\S+) AS/gm)].map((match) => match[1]);
  for (const image of [...images, ...bases]) expect(image).toMatch(/^[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)*$/);
});

test("only the app is published, and on loopback", () => {
  const published = Object.entries(compose.services).flatMap(([name, { ports = [] }]) =>
    ports.map((port) => [name, port]),
  );
  expect(published).toEqual([["app", expect.stringMatching(/^127\.0\.0\.1:/)]]);
});

test("Inngest and the databases sit on a network without a way out", () => {
  expect(compose.networks.backend?.internal).toBe(true);
  for (const service of [postgres, redis, inngest, migrate]) expect(service.networks).toEqual(["backend"]);
});

test("Inngest is the official server, on Postgres and Redis, with keys and the app's address", () => {
  expect(inngest.image).toMatch(/^inngest\/inngest:/);
  expect(inngest.command?.slice(0, 2)).toEqual(["inngest", "start"]);
  expect(inngest.command).toContain(`${app.environment?.APP_URL}/api/inngest`);
  expect(Object.keys(inngest.environment ?? {})).toEqual(
    expect.arrayContaining([
      "INNGEST_EVENT_KEY",
      "INNGEST_SIGNING_KEY",
      "INNGEST_POSTGRES_URI",
      "INNGEST_REDIS_URI",
    ]),
  );
  for (const key of ["INNGEST_EVENT_KEY", "INNGEST_SIGNING_KEY"]) {
    expect(inngest.environment?.[key]).toBe(app.environment?.[key]);
  }
});

test("Redis writes everything down, evicts nothing and wants a password", () => {
  const flags = (redis.command ?? []).join(" ");
  expect(flags).toContain("--appendonly yes --appendfsync everysec --maxmemory-policy noeviction");
  expect(flags).toMatch(/--requirepass \$\{REDIS_PASSWORD:\?/);
});

test("Postgres 18 keeps its data on a volume where that image has it", () => {
  expect(postgres.image).toMatch(/^postgres:18\./);
  expect(postgres.volumes).toContain("postgres:/var/lib/postgresql");
});

test("services wait for what they need: healthy, or in the migrations' case done", () => {
  expect(app.depends_on).toEqual({
    postgres: { condition: "service_healthy" },
    redis: { condition: "service_healthy" },
    inngest: { condition: "service_healthy" },
    migrate: { condition: "service_completed_successfully" },
  });
  expect(migrate).toMatchObject({ restart: "no", command: ["node", "db/migrate.ts", "up"] });
  for (const service of [postgres, redis, inngest]) expect(service.healthcheck?.test).toBeDefined();
  expect(simulator.profiles).toEqual(["simulator"]);
});

test("the images run as an ordinary user, check their health, and hold no development packages", () => {
  const stages = dockerfile.split(/^FROM /m).slice(1);
  for (const target of [app.build?.target, simulator.build?.target]) {
    const stage = stages.find((text) => text.includes(` AS ${target}\n`)) ?? "";
    expect(stage).toContain("HEALTHCHECK");
    expect([...`USER node\n${stage}`.matchAll(/^USER (\w+)/gm)].at(-1)?.[1]).toBe("node");
  }
  expect(dockerfile).toContain("npm ci --omit=dev");
  expect(dockerfile).toContain('CMD ["node", "src/server.ts"]');
});

describe("each image", () => {
  const targets = new Map(
    dockerfile.split(/^FROM /m).flatMap((stage) => {
      const [, name = "", rest = ""] = /AS (\w+)\n([\s\S]*)$/.exec(stage) ?? [];
      return [[name, rest] as const];
    }),
  );

  test.each([
    ["simulator", ["infra/simulator/main.ts"]],
    ["app", ["src/server.ts", ...commandsOf("audit:verify", "invite", "retention", "vault:rotate")]],
  ])("%s holds all that its programs import", (target, programs) => {
    const copied = [...(targets.get(target) ?? "").matchAll(/^COPY (?!--)(\S+) /gm)].map(
      (match) => match[1] as string,
    );
    const isCopied = (file: string) => copied.some((path) => file === path || file.startsWith(`${path}/`));
    expect([...importedBy(programs)].filter((file) => !isCopied(file))).toEqual([]);
    const ignored = read(".dockerignore");
    for (const path of copied) expect(ignored).toContain(`!${path}\n`);
  });
});

/** The scripts behind `npm run <name>`. */
function commandsOf(...names: string[]): string[] {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  return names.map((name) => (scripts[name] as string).replace("node ", ""));
}

/** These files of ours, and all that they import. */
function importedBy(programs: readonly string[]): Set<string> {
  const found = new Set<string>();
  const open = [...programs];
  for (let file = open.pop(); file; file = open.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    for (const [, name = ""] of read(file).matchAll(
      /^(?:import|export) (?!type )[^;]*?from "([.#][^"]+)";/gms,
    )) {
      if (name === "#inngest.config") open.push("inngest.config.ts");
      else open.push(name.startsWith("#") ? name.slice(1) : join(dirname(file), name));
    }
  }
  return found;
}
