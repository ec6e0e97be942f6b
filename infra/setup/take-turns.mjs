import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SetupError, say } from "./say.mjs";

const patienceMs = 15 * 60_000;

/** Runs `work` while no other process does so with the same file; a lock whose owner is dead is taken over. */
export async function takeTurns(file, work) {
  mkdirSync(dirname(file), { recursive: true });
  const endsAt = Date.now() + patienceMs;
  for (let waiting = false; !take(file); waiting = true) {
    if (!waiting) say(`waiting for another set-up of this clone (pid ${ownerOf(file) ?? "unknown"})`);
    if (Date.now() > endsAt) throw new SetupError(`Another set-up holds ${file}: delete it if none runs.`);
    await sleep(300);
  }
  try {
    return work();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw new SetupError(`${file} cannot be written: ${error.message}.`);
  }
  const owner = ownerOf(file);
  if (owner !== null && !isAlive(owner)) rmSync(file, { force: true });
  return false;
}

function ownerOf(file) {
  try {
    return Number(readFileSync(file, "utf8")) || null;
  } catch {
    return null;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
