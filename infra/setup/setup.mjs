/**
 * Makes a fresh clone ready: packages, the project's own Node, Postgres binaries, Redis. Runs before `npm test`,
 * `npm run demo` and `npm run dev`; says what it does, and nothing when there is nothing to do.
 * Plain JavaScript without packages, because it runs before they are there, on any Node from 20 on.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ownNodeWorks, postgresWorks, repairOwnNode, repairPostgres } from "./binaries.mjs";
import { installPackages, packagesAreThere } from "./packages.mjs";
import { installRedis, redisIsThere } from "./redis.mjs";
import { SetupError } from "./say.mjs";
import { takeTurns } from "./take-turns.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

// Redis first: where it must be installed by hand, that is said before a minute has gone into packages.
const steps = [
  { isDone: redisIsThere, make: installRedis },
  { isDone: packagesAreThere, make: installPackages },
  { isDone: ownNodeWorks, make: repairOwnNode },
  { isDone: postgresWorks, make: repairPostgres },
];

try {
  if (Number(process.versions.node.split(".")[0]) < 20) {
    throw new SetupError(
      `Node ${process.versions.node} is too old to set this project up: install Node 20 or later.`,
    );
  }
  if (!steps.every(({ isDone }) => isDone(root))) {
    await takeTurns(join(root, ".local/setup.lock"), () => {
      for (const { isDone, make } of steps) if (!isDone(root)) make(root);
    });
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`setup: ${error.message}`);
  process.exitCode = 1;
}
