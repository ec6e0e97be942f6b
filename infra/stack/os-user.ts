import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, statSync } from "node:fs";

/** Whom Postgres runs as; null = as ourselves, because we are an ordinary user. */
export type OsUser = { name: string; uid: number; gid: number } | null;

const ownName = "cerniq-postgres";

/** Postgres refuses to run as root: root gets (once) a system user of its own, or `nobody` where that fails. */
export function postgresUser(): OsUser {
  if (process.getuid?.() !== 0) return null;
  return lookUp(ownName) ?? (create(ownName) ? lookUp(ownName) : null) ?? lookUp("nobody");
}

/** Can this user really run that program? Tried, not reasoned about: modes, ACLs and mounts all count. */
export function canRun(user: OsUser, program: string, args: string[]): boolean {
  const result = spawnSync(program, args, {
    cwd: "/",
    env: {},
    stdio: "ignore",
    timeout: 20_000,
    ...ids(user),
  });
  return result.status === 0;
}

/** Makes `dir` (0700) that user's own; false when the user cannot reach it through its parents. */
export function makeOwnedDir(user: OsUser, dir: string): boolean {
  mkdirSync(dir, { recursive: true });
  if (user !== null && statSync(dir).uid !== user.uid) chownSync(dir, user.uid, user.gid);
  if (user === null || statSync(dir).uid === user.uid) chmodSync(dir, 0o700);
  return canRun(user, "/bin/sh", ["-c", 'cd "$0" && test -w .', dir]);
}

/** What `spawn` needs to run something as that user. */
export function ids(user: OsUser): { uid: number; gid: number } | undefined {
  return user === null ? undefined : { uid: user.uid, gid: user.gid };
}

function lookUp(name: string): OsUser {
  try {
    const ask = (flag: string) =>
      Number(execFileSync("id", [flag, name], { encoding: "utf8", stdio: "pipe" }));
    return { name, uid: ask("-u"), gid: ask("-g") };
  } catch {
    return null;
  }
}

function create(name: string): boolean {
  const ways: [string, string[]][] = [
    [
      "useradd",
      [
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        "/nonexistent",
        "--shell",
        "/usr/sbin/nologin",
        name,
      ],
    ],
    ["adduser", ["--system", "--group", "--no-create-home", name]],
    ["adduser", ["-S", "-H", "-D", name]],
  ];
  return ways.some(([command, args]) => spawnSync(command, args, { stdio: "ignore" }).status === 0);
}
