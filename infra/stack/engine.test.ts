import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { chooseEngine } from "./engine.ts";

const dir = mkdtempSync(join(tmpdir(), "cerniq-engine-"));
const binary = join(dir, "inngest");

beforeEach(() => {
  writeFileSync(binary, "#!/bin/sh\n");
  chmodSync(binary, 0o755);
  return () => rmSync(binary);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

afterAll(() => rmSync(dir, { recursive: true }));

const keys = { INNGEST_EVENT_KEY: "event", INNGEST_SIGNING_KEY: "abcd" };

test("INNGEST_BASE_URL comes first, with its keys", () => {
  const env = { INNGEST_BASE_URL: "http://inngest:8288", INNGEST_BIN: binary, ...keys };
  expect(chooseEngine(env)).toEqual({
    kind: "inngest",
    from: "url",
    url: "http://inngest:8288",
    keys: { eventKey: "event", signingKey: "abcd" },
  });
});

test("INNGEST_BASE_URL without the server's keys is refused, naming them", () => {
  expect(() => chooseEngine({ INNGEST_BASE_URL: "http://inngest:8288" })).toThrow(
    "INNGEST_EVENT_KEY and INNGEST_SIGNING_KEY",
  );
});

test("then an inngest binary: INNGEST_BIN, else on PATH", () => {
  expect(chooseEngine({ INNGEST_BIN: binary })).toEqual({ kind: "inngest", from: "binary", binary });
  vi.stubEnv("PATH", dir);
  expect(chooseEngine({})).toEqual({ kind: "inngest", from: "binary", binary });
});

test("an INNGEST_BIN that cannot be run is refused instead of passed over", () => {
  expect(() => chooseEngine({ INNGEST_BIN: join(dir, "missing") })).toThrow("no program that can be run");
});

test("else the project's own engine", () => {
  rmSync(binary);
  vi.stubEnv("PATH", dir);
  expect(chooseEngine({})).toEqual({ kind: "local", from: "project" });
  writeFileSync(binary, "");
});
