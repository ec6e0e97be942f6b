/** An OTLP receiver (http/json) that keeps the spans it is sent. Metrics are taken and dropped. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  /** 2: server, 3: client, 5: consumer. */
  kind: number;
  attributes: Record<string, unknown>;
  links: string[];
}

export interface OtlpReceiver {
  url: string;
  spans: ReceivedSpan[];
  /** All that came, as it came. */
  raw: string[];
  stop: () => Promise<void>;
}

interface TracesBody {
  resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[];
}
interface OtlpSpan extends Omit<ReceivedSpan, "attributes" | "links"> {
  attributes?: { key: string; value: Record<string, unknown> }[];
  links?: { traceId: string }[];
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const raw: string[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    if (request.url === "/v1/traces") {
      raw.push(body);
      for (const { scopeSpans } of (JSON.parse(body) as TracesBody).resourceSpans) {
        spans.push(...scopeSpans.flatMap((scope) => scope.spans.map(toReceived)));
      }
    }
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    raw,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const toReceived = ({ attributes = [], links = [], ...span }: OtlpSpan): ReceivedSpan => ({
  ...span,
  attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
  links: links.map(({ traceId }) => traceId),
});
