import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { projectRoot } from "./node-part.ts";
import { awaitReady, type Launch, type PartProcess } from "./process.ts";

/**
 * Gives several replicas one address, as a load balancer does in production: the engine knows an app by one
 * URL. Connections take turns; one that a replica refuses goes to the next.
 */
export async function startBalancer(options: {
  port: number;
  targetPorts: number[];
  launch: Launch;
}): Promise<{ process: PartProcess; url: string }> {
  const part = await options.launch({
    name: "balancer",
    command: process.execPath,
    args: [
      join(projectRoot, "infra/stack/balancer.ts"),
      String(options.port),
      ...options.targetPorts.map(String),
    ],
    env: {},
    cwd: projectRoot,
  });
  try {
    await awaitReady(part, () => accepts(options.port), 20_000);
  } catch (error) {
    await part.stop();
    throw error;
  }
  return { process: part, url: `http://127.0.0.1:${options.port}` };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function serve(port: number, targetPorts: number[]): void {
  let turn = 0;
  createServer({ allowHalfOpen: true }, (client) => {
    client.on("error", () => client.destroy());
    const first = turn++;
    forward(
      client,
      targetPorts.map((_, index) => targetPorts[(first + index) % targetPorts.length] as number),
    );
  }).listen(port, "127.0.0.1");
}

function forward(client: Socket, [target, ...others]: number[]): void {
  if (target === undefined) {
    client.destroy();
    return;
  }
  const server = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true });
  const refused = () => forward(client, others);
  server.once("error", refused);
  server.once("connect", () => {
    server.off("error", refused);
    server.on("error", () => client.destroy());
    client.once("close", () => server.destroy());
    server.once("close", () => client.destroy());
    client.pipe(server);
    server.pipe(client);
  });
}

if (import.meta.main) {
  const [port, ...targetPorts] = process.argv.slice(2).map(Number);
  if (port === undefined || targetPorts.length === 0) {
    console.error("Usage: node infra/stack/balancer.ts PORT TARGET_PORT...");
    process.exit(1);
  }
  serve(port, targetPorts);
}
