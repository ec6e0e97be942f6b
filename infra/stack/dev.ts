/** `npm run dev`: the whole stack on this machine; the app starts again when a source file changes. */
import { join } from "node:path";
import { StackError } from "./errors.ts";
import { projectRoot } from "./node-part.ts";
import { isFree } from "./ports.ts";
import { startStack } from "./stack.ts";

const dataDir = join(projectRoot, ".local");

try {
  const stack = await startStack({
    dataDir,
    watch: true,
    env: { NODE_ENV: "development" },
    ports: await usualPorts({ "app-1": 3000, engine: 8288 }),
    onLine: (part, line) => {
      if (part.startsWith("app") || part === "engine") console.log(`${part.padEnd(7)} ${line}`);
    },
  });
  stack.onDied(async (died) => {
    console.error(died.message);
    await stack.stop();
    process.exit(1);
  });
  console.log(
    `\nengine: ${stack.engineKind}; everything is in ${join(dataDir, "stack.json")}; Ctrl-C stops it all.`,
  );
  for (const { name, url, external } of stack.parts) {
    const shown = name === "postgres" ? stack.env.DATABASE_URL : url;
    console.log(`  ${name.padEnd(10)} ${shown}${external ? " (not ours)" : ""}`);
  }
  console.log(`  The API asks for X-Service-Key: it is serviceKey in ${join(dataDir, "keys.json")}\n`);
} catch (error) {
  if (!(error instanceof StackError)) throw error;
  console.error(error.message);
  process.exit(1);
}

/** The ports that people expect, as far as they are free. */
async function usualPorts(wanted: Record<string, number>): Promise<Record<string, number>> {
  const free = await Promise.all(
    Object.entries(wanted).map(async (entry) => ((await isFree(entry[1])) ? [entry] : [])),
  );
  return Object.fromEntries(free.flat());
}
