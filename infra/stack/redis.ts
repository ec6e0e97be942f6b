import { mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { StackError } from "./errors.ts";
import { awaitReady, type Launch, type PartProcess } from "./process.ts";
import { findProgram } from "./programs.ts";

/** Starts Redis on `dir`: append-only, nothing evicted, loopback, with a password. */
export async function startRedis(options: {
  dir: string;
  port: number;
  password: string;
  launch: Launch;
}): Promise<{ process: PartProcess; url: string }> {
  const command = findProgram("redis-server");
  if (command === null) {
    throw new StackError(
      "redis-server is not on PATH: install it (apt-get install redis-server, brew install redis), or set REDIS_URL.",
    );
  }
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const process = await options.launch({
    name: "redis",
    command,
    args: ["-"],
    // By stdin, because everybody on the machine can read a command line.
    input: configuration(options),
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    cwd: options.dir,
  });
  const url = `redis://:${options.password}@127.0.0.1:${options.port}`;
  try {
    await awaitReady(process, () => redisAnswers(url), 30_000);
  } catch (error) {
    await process.stop();
    throw error;
  }
  return { process, url };
}

/** Does the server behind this URL answer PING now (false also while it still loads its data)? */
export async function redisAnswers(url: string): Promise<boolean> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 3_000,
    commandTimeout: 3_000,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
  });
  redis.on("error", () => {});
  try {
    // Something else that listens there may take the connection and never say a word.
    return (await Promise.race([redis.connect().then(() => redis.ping()), sleep(3_000, "")])) === "PONG";
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}

function configuration(options: { dir: string; port: number; password: string }): string {
  const quoted = options.dir.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return [
    "bind 127.0.0.1",
    `port ${options.port}`,
    `requirepass ${options.password}`,
    `dir "${quoted}"`,
    "appendonly yes",
    "appendfsync everysec",
    "maxmemory-policy noeviction",
    "daemonize no",
    "",
  ].join("\n");
}
