import { z } from "zod";
import { canonicalJson } from "../protocol/canonical-json.ts";
import { verifyBody } from "../protocol/signing.ts";
import type { SyncResult } from "../registry.ts";
import type { OperationPorts } from "./ports.ts";

const answerSchema = z.object({
  app_id: z.string(),
  url: z.string().optional(),
  sdk: z.string().default(""),
  functions: z.array(z.unknown()),
});

/** Asks the app at a URL for its functions (in-band sync) and takes them; one sentence when that fails. */
export async function syncApp(ports: OperationPorts, url: string): Promise<SyncResult> {
  const { client, signer, config } = ports;
  const refused = (why: string): SyncResult => ({ ok: false, problems: [`The app at ${url} ${why}.`] });
  const headers = { "content-type": "application/json", "x-inngest-sync-kind": "in_band" };
  const answer = await signer.send(client, url, canonicalJson({ url }), headers, "PUT");
  if (answer.kind !== "response") return refused(`cannot be reached: ${answer.message}`);
  if (answer.status !== 200) return refused(`answered with HTTP status ${answer.status}`);
  const signature = [answer.headers["x-inngest-signature"]].flat()[0];
  if (config.signingKeys.length > 0 && !verifyBody(answer.body, signature, config.signingKeys, Date.now()))
    return refused("gave an answer that is not signed with the signing key");
  const body: unknown = await new Response(answer.body).json().catch(() => null);
  const parsed = answerSchema.safeParse(body);
  if (!parsed.success) return refused("does not know the in-band sync");
  const { app_id, ...rest } = parsed.data;
  return await ports.sync({ appName: app_id, url, ...rest });
}
