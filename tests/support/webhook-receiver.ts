/** A system of a customer that is told things: it keeps what comes, and answers as it is told to. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface WebhookReceiver {
  host: string;
  url: string;
  received: { headers: IncomingHttpHeaders; body: string }[];
  /** How it answers from now on. */
  answer: (how: (response: ServerResponse) => void) => void;
  stop: () => Promise<void>;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  let respond = (response: ServerResponse): unknown => response.writeHead(204).end();
  const received: WebhookReceiver["received"] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    received.push({ headers: request.headers, body });
    respond(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}/hooks`,
    received,
    answer: (how) => {
      respond = how;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
