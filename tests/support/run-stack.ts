/** A stack in a process of its own, to be killed by tests: `node tests/support/run-stack.ts DATA_DIR`. */
import { startStack } from "#infra/stack/stack.ts";

const stack = await startStack({ dataDir: process.argv[2] ?? "", parts: ["postgres", "redis"] });
console.log(JSON.stringify(stack.parts));
