import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { SetupError, say, tailOf } from "./say.mjs";

const usualDirs = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/opt/homebrew/bin"];
const pidFiles = ["/run/redis/redis-server.pid", "/var/run/redis/redis-server.pid"];

/** Is there a Redis to use: one named by REDIS_URL, or a program to start? */
export function redisIsThere() {
  return Boolean(process.env.REDIS_URL) || findProgram("redis-server") !== null;
}

/** Installs redis-server by apt as root; elsewhere says what to install. */
export function installRedis() {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || findProgram("apt-get") === null) throw new SetupError(howToInstall(isRoot));
  say("installing redis-server (apt-get)");
  const ranBefore = servicePid();
  const result = apt("update") ?? apt("install", "-y", "--no-install-recommends", "redis-server");
  if (findProgram("redis-server") === null) {
    throw new SetupError(
      `redis-server could not be installed by apt-get: install it by hand, or set REDIS_URL.${tailOf(result ?? {})}`,
    );
  }
  if (ranBefore === null && servicePid() !== null) stopService();
}

// Answers the failed result, or null when it went well.
function apt(...args) {
  const result = spawnSync("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=300", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
    // Runlevel 1 keeps the package from starting a service that nobody asked for (where systemd does not rule).
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
  });
  return result.status === 0 ? null : result;
}

// The package's service is not needed: each stack starts a Redis of its own.
function stopService() {
  say("stopping the redis service that the package started");
  if (existsSync("/run/systemd/system")) {
    spawnSync("systemctl", ["disable", "--now", "redis-server"], { stdio: "ignore" });
  } else {
    spawnSync("service", ["redis-server", "stop"], { stdio: "ignore" });
  }
}

function servicePid() {
  for (const file of pidFiles) {
    try {
      const pid = Number(readFileSync(file, "utf8"));
      process.kill(pid, 0);
      return pid;
    } catch {
      // No such file, or a dead process.
    }
  }
  return null;
}

function howToInstall(isRoot) {
  if (process.platform === "darwin") return "Redis is missing: run `brew install redis`, or set REDIS_URL.";
  if (findProgram("apt-get") !== null) {
    return "Redis is missing: run `sudo apt-get install -y redis-server`, or set REDIS_URL.";
  }
  const how = isRoot ? "this system's package manager" : "this system's package manager, as root";
  return `Redis is missing: install redis-server 7 by ${how}, or set REDIS_URL.`;
}

function findProgram(name) {
  for (const dir of [...(process.env.PATH ?? "").split(delimiter), ...usualDirs]) {
    if (dir === "") continue;
    try {
      accessSync(join(dir, name), constants.X_OK);
      return join(dir, name);
    } catch {
      // The next folder.
    }
  }
  return null;
}
