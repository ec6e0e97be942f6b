/**
 * Completes package-lock.json after a dependency changed: `node infra/setup/complete-lock.mjs`.
 * A registry that serves only some platforms makes npm leave the optional packages of the others out of the
 * lock file, and `npm ci` then refuses it everywhere ("Missing: … from lock file"). Their entries follow
 * from their names and from a sibling; without an integrity hash, because nobody here has seen them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("../../package-lock.json", import.meta.url));
const lock = JSON.parse(readFileSync(file, "utf8"));
const added = [];

for (const parent of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (lock.packages[path] || !/^\d+\.\d+\.\d+/.test(version)) continue;
    lock.packages[path] = entryFor(name, version, parent);
    added.push(name);
  }
}
if (added.length > 0) {
  const [root, ...rest] = Object.entries(lock.packages);
  rest.sort(([a], [b]) => a.localeCompare(b, "en"));
  lock.packages = Object.fromEntries([root, ...rest]);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
}
console.log(added.length === 0 ? "package-lock.json is complete." : `Added ${added.join(", ")}.`);

function entryFor(name, version, parent) {
  const words = name.split(/[/-]/);
  const os = words.find((word) =>
    ["android", "darwin", "freebsd", "linux", "openbsd", "sunos", "win32"].includes(word),
  );
  const cpu = words.find((word) =>
    ["arm", "arm64", "ia32", "ppc64", "riscv64", "s390x", "x64"].includes(word),
  );
  if (!os || !cpu)
    throw new Error(`${name} is missing in package-lock.json, and its name does not tell its platform.`);
  const libc = os === "linux" ? [words.includes("musl") ? "musl" : "glibc"] : undefined;
  return {
    version,
    cpu: [cpu],
    ...(parent.dev ? { dev: true } : {}),
    ...(libc ? { libc } : {}),
    license: parent.license,
    optional: true,
    os: [os],
    ...(parent.engines ? { engines: parent.engines } : {}),
  };
}
