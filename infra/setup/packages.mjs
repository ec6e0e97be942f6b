import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { headOf, SetupError, say } from "./say.mjs";

/** Are the packages of package-lock.json installed, as far as the last set-up knows? */
export function packagesAreThere(root) {
  return read(stampFile(root)) === hashOfLock(root);
}

/** Runs `npm ci`, unless node_modules already holds what package-lock.json says. */
export function installPackages(root) {
  if (!matchesLock(root)) {
    say("installing the packages (npm ci), about a minute");
    const result = spawnSync("npm", ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"], {
      cwd: root,
      env: environmentForNpm(root),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 64 * 1024 * 1024,
    });
    if (result.status !== 0) throw new SetupError(`npm ci failed.${headOf(result)}`);
  }
  writeFileSync(stampFile(root), hashOfLock(root));
}

/** The environment of a process that npm did not start, with the machine's own Node and npm on PATH. */
export function environmentForNpm(root) {
  const own = resolve(root, "node_modules");
  const path = (process.env.PATH ?? "").split(delimiter).filter((dir) => !resolve(dir).startsWith(own));
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(?!config_)|INIT_CWD$|NODE$|NODE_ENV$)/.test(name),
  );
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}

// npm notes in node_modules what it has put there; an installation made by hand is as good as ours.
function matchesLock(root) {
  try {
    const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
    const there = JSON.parse(readFileSync(join(root, "node_modules/.package-lock.json"), "utf8")).packages;
    return Object.entries(wanted).every(([path, { version, optional }]) => {
      if (path === "" || (optional && there[path] === undefined)) return true;
      return there[path]?.version === version && existsSync(join(root, path));
    });
  } catch {
    return false;
  }
}

function hashOfLock(root) {
  const lock = read(join(root, "package-lock.json"));
  if (lock === null) throw new SetupError("package-lock.json is missing: this is not a whole clone.");
  return createHash("sha256").update(`${process.platform}-${process.arch}\n${lock}`).digest("hex");
}

function stampFile(root) {
  return join(root, "node_modules/.cerniq-setup");
}

function read(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}
