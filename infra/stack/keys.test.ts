import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { rootKeysSchema } from "#src/platform/vault.ts";
import { newDataDir, removeFolders } from "#tests/support/stack-folders.ts";
import { loadKeys } from "./keys.ts";

afterEach(removeFolders);

test("keys are made once, for their owner's eyes only", () => {
  const file = join(newDataDir(), "keys.json");
  const keys = loadKeys(file);
  expect(loadKeys(file)).toEqual(keys);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(rootKeysSchema.safeParse(keys.secretKeys).success).toBe(true);
});

test("a file of an earlier release keeps its keys, and is given those that it lacks", () => {
  const file = join(newDataDir(), "keys.json");
  const { secretKeys: _, ...earlier } = loadKeys(file);
  writeFileSync(file, JSON.stringify(earlier));
  const keys = loadKeys(file);
  expect(keys).toMatchObject({ ...earlier, secretKeys: expect.stringMatching(/^k1:/) });
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(keys);
});

test("a file that holds something else is not written over", () => {
  const file = join(newDataDir(), "keys.json");
  writeFileSync(file, "not keys");
  expect(() => loadKeys(file)).toThrow("does not hold the stack's keys");
  expect(readFileSync(file, "utf8")).toBe("not keys");
});
