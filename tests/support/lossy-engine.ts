import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Stands between the app and an engine: accepts every event, and forgets some of them. */
export interface LossyEngine {
  url: string;
  /** Ids of events that were answered with 200 and never reached the engine, in order, repeats included. */
  dropped: string[];
  /** Ids of events that were passed on. */
  passed: string[];
  stop: () => Promise<void>;
}

/**
 * @param engineUrl where everything else goes
 * @param isLost decides for each event that arrives, by its id and how often it has come before
 */
export async function startLossyEngine(
  engineUrl: string,
  isLost: (id: string, timesSeen: number) => boolean,
): Promise<LossyEngine> {
  const dropped: string[] = [];
  const passed: string[] = [];
  const seen = new Map<string, number>();
  const lose = ({ id = "" }: { id?: string }) => {
    const times = seen.get(id) ?? 0;
    seen.set(id, times + 1);
    const lost = isLost(id, times);
    (lost ? dropped : passed).push(id);
    return lost;
  };

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    let body = Buffer.concat(chunks);
    const {
      host,
      connection,
      "content-length": length,
      "transfer-encoding": encoding,
      ...headers
    } = request.headers;
    if (request.url?.startsWith("/e/")) {
      const events = JSON.parse(body.toString()) as { id?: string }[];
      const kept = events.filter((event) => !lose(event));
      if (kept.length === 0) {
        // What a real server says of events that it will have forgotten.
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ ids: events.map(() => randomBytes(13).toString("hex")), status: 200 }));
        return;
      }
      body = Buffer.from(JSON.stringify(kept));
    }
    const answer = await fetch(new URL(request.url ?? "/", engineUrl), {
      method: request.method ?? "GET",
      headers: headers as Record<string, string>,
      ...(body.length > 0 ? { body } : {}),
    });
    response.statusCode = answer.status;
    for (const name of ["content-type", "x-inngest-server-kind"]) {
      const value = answer.headers.get(name);
      if (value) response.setHeader(name, value);
    }
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    dropped,
    passed,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
