/**
 * Where webhooks come in. Whoever sends one has an answer within a tenth of a second, and what is answered `stored` is
 * committed: body and event in one transaction, that of many webhooks at once.
 */
import { createHash, randomBytes } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { type Db, inSystem, inWorkspace } from "#db/client.ts";
import { insertDeliveries, type NewDelivery } from "#db/queries/webhook-deliveries.ts";
import { findSourceByAddress } from "#db/queries/webhook-sources.ts";
import { MAX_DELIVERIES, webhooksReceived } from "#src/events/webhooks.ts";
import type { Logger } from "../logger.ts";
import { addToOutbox } from "../outbox.ts";
import type { Vault } from "../vault.ts";
import { Batcher } from "./batcher.ts";
import { RefusalTally } from "./refusal-tally.ts";
import { secretContext } from "./settings.ts";
import type { ReceivedWebhook, Verdict, WebhookSource, WebhookSources } from "./source.ts";

export interface DoorDeps {
  db: Db;
  vault: Vault;
  logger: Logger;
  now: () => Date;
  sources: WebhookSources;
}

export type Answer =
  /** `duplicate`: the same message is stored already, and was asked about once only. */
  | { status: "stored" | "duplicate" }
  | { status: "refused"; reason: Exclude<Verdict, "genuine"> }
  /** No such provider or workspace, or the workspace expects nothing of the provider. */
  | { status: "unknown" };

interface KnownSource {
  workspaceId: string;
  secrets: readonly { secret: string; until: Date | null }[];
}

/** A changed or removed secret is known to every replica after this long. */
const KEEP_SECRETS_MS = 2_000;
/** Addresses that are remembered; whoever tries out more only has them looked up again. */
const MAX_ADDRESSES = 5_000;
const NAME = /^[\w-]{1,100}$/;
/** Compared with where there is no secret, so that the answer takes as long. */
const NOBODYS_SECRET = `whsec_${randomBytes(24).toString("base64")}`;

export class WebhookDoor {
  readonly #deps: DoorDeps;
  readonly #known = new Map<string, { at: number; source: Promise<KnownSource | null> }>();
  readonly #batcher: Batcher<NewDelivery, boolean>;
  readonly #tally: RefusalTally;

  constructor(deps: DoorDeps) {
    this.#deps = deps;
    this.#tally = new RefusalTally(deps);
    this.#batcher = new Batcher<NewDelivery, boolean>({
      work: (workspaceId, deliveries) =>
        this.#logged("webhooks could not be stored", this.#store(workspaceId, deliveries)),
      sizeOf: ({ body }) => body.length,
      // At 500 webhooks a second some dozens of commits instead of 500, and an event for each batch and provider.
      gatherMs: 10,
      maxItems: MAX_DELIVERIES,
      maxBytes: 8 * 1_048_576,
      maxHeldItems: 5_000,
      maxHeldBytes: 64 * 1_048_576,
    });
  }

  /**
   * Takes a webhook in, or says why not.
   * @param workspace id or slug
   * @throws OverloadedError, or whatever keeps Postgres from storing it: the sender should try again
   */
  async receive(address: { provider: string; workspace: string }, webhook: ReceivedWebhook): Promise<Answer> {
    const { sources, now } = this.#deps;
    const source = sources.get(address.provider);
    const known = await this.#find(address);
    // Also where there is nobody to be: then what follows takes as long, and tells as little.
    const verdict = (source ?? anyOf(sources)).authenticate(webhook, secretsOf(known, now()), now());
    if (!source || !known) return { status: "unknown" };
    if (verdict !== "genuine") {
      this.#tally.add(known.workspaceId, source.slug, verdict);
      return { status: "refused", reason: verdict };
    }
    const isNew = await this.#batcher.add(known.workspaceId, deliveryOf(source, webhook, now()));
    return { status: isNew ? "stored" : "duplicate" };
  }

  async #store(workspaceId: string, deliveries: NewDelivery[]): Promise<boolean[]> {
    const stored = await inWorkspace(this.#deps.db, workspaceId, async (tx) => {
      const ids = await insertDeliveries(tx, workspaceId, deliveries);
      const fresh = Map.groupBy(
        deliveries.filter(({ id }) => ids.has(id)),
        ({ provider }) => provider,
      );
      const events = [...fresh].map(([provider, of]) =>
        webhooksReceived.create({ workspaceId, provider, deliveryIds: of.map(({ id }) => id) }),
      );
      await addToOutbox(tx, events);
      return ids;
    });
    return deliveries.map(({ id }) => stored.has(id));
  }

  async #find(address: { provider: string; workspace: string }): Promise<KnownSource | null> {
    // Nobody has such a name, and there are characters that Postgres is better not asked about.
    if (![address.provider, address.workspace].every((name) => NAME.test(name))) return null;
    const key = JSON.stringify(address);
    const at = performance.now();
    const found = this.#known.get(key);
    if (found && at - found.at < KEEP_SECRETS_MS) return found.source;
    if (this.#known.size >= MAX_ADDRESSES) this.#known.clear();
    const source = this.#logged("a source of webhooks could not be looked up", this.#lookUp(address));
    this.#known.set(key, { at, source });
    // A look-up that failed is not remembered.
    source.catch(() => this.#known.delete(key));
    return source;
  }

  async #lookUp(address: { provider: string; workspace: string }): Promise<KnownSource | null> {
    const { db, vault } = this.#deps;
    const found = await inSystem(db, (tx) => findSourceByAddress(tx, address));
    if (!found) return null;
    const open = (sealed: string) => vault.open(secretContext(found.workspaceId, address.provider), sealed);
    const secrets = [{ secret: open(found.secretSealed), until: null as Date | null }];
    if (found.previousSealed && found.previousUntil) {
      secrets.push({ secret: open(found.previousSealed), until: new Date(found.previousUntil) });
    }
    return { workspaceId: found.workspaceId, secrets };
  }

  /** Once for all who wait for it, not for each. */
  async #logged<T>(what: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.#deps.logger.warn({ err: error }, what);
      throw error;
    }
  }
}

function secretsOf(known: KnownSource | null, now: Date): string[] {
  if (!known) return [NOBODYS_SECRET];
  return known.secrets.filter(({ until }) => until === null || until > now).map(({ secret }) => secret);
}

/** The one whose proof takes longest to look at. */
const anyOf = (sources: WebhookSources): WebhookSource =>
  [...sources.values()].find(({ secret }) => secret.madeBy === "provider") as WebhookSource;

function deliveryOf(source: WebhookSource, webhook: ReceivedWebhook, receivedAt: Date): NewDelivery {
  const sha256 = createHash("sha256").update(webhook.body).digest();
  return {
    id: uuidv7(),
    provider: source.slug,
    dedupeKey: source.messageIdOf(webhook) ?? sha256.toString("hex"),
    headers: Object.fromEntries(
      source.keptHeaders.flatMap((name) => {
        const value = webhook.headers[name];
        return value === undefined ? [] : [[name, value.slice(0, 1_000)]];
      }),
    ),
    body: webhook.body,
    sha256,
    receivedAt,
  };
}
