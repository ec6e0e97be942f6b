/** From stored bodies to inbound events. What cannot be read stays, with the reason, for a person to look at. */
import { z } from "zod";
import { type Db, inWorkspace, type Tx } from "#db/client.ts";
import { insertInboundEvents, type NewInboundEvent } from "#db/queries/inbound-events.ts";
import {
  type EndedDelivery,
  endDeliveries,
  lockReceived,
  type StoredDelivery,
} from "#db/queries/webhook-deliveries.ts";
import type { InboundEvent } from "#src/domain/inbound/inbound-event.ts";
import { maskPersonalNumbers } from "#src/domain/registry/personal-numbers.ts";
import { MAX_DELIVERIES, type WebhooksReceived } from "#src/events/webhooks.ts";
import { beginUnlessPaused } from "../operations/pauses.ts";
import type { WebhookSource } from "./source.ts";

/** An event that asks for deliveries to be read. */
export interface Asked {
  id?: string | undefined;
  data: WebhooksReceived;
}

export interface Normalised {
  deliveries: number;
  events: number;
  unparsed: number;
}

/**
 * Reads what the events ask for, as far as nobody has done so before, and marks them consumed. All are of one workspace.
 * While the function is paused, they wait.
 */
export async function normaliseDeliveries(
  db: Db,
  source: WebhookSource,
  functionId: string,
  asked: readonly Asked[],
): Promise<Normalised> {
  const sum: Normalised = { deliveries: 0, events: 0, unparsed: 0 };
  for (const some of inPortions(asked)) {
    const { workspaceId } = (some[0] as Asked).data;
    const read = await inWorkspace(db, workspaceId, (tx) => normaliseIn(tx, source, functionId, some));
    sum.deliveries += read.deliveries;
    sum.events += read.events;
    sum.unparsed += read.unparsed;
  }
  return sum;
}

async function normaliseIn(
  tx: Tx,
  source: WebhookSource,
  functionId: string,
  asked: readonly Asked[],
): Promise<Normalised> {
  const { workspaceId } = (asked[0] as Asked).data;
  const ids: string[] = [];
  for (const { id, data } of asked) {
    if (await beginUnlessPaused(tx, functionId, id)) ids.push(...data.deliveryIds);
  }
  const deliveries = await lockReceived(tx, { provider: source.slug, ids });
  const read = deliveries.map((delivery) => readDelivery(source, delivery));
  const events = await insertInboundEvents(
    tx,
    workspaceId,
    read.flatMap((each) => each.events),
  );
  await endDeliveries(
    tx,
    read.map(({ ended }) => ended),
  );
  const unparsed = read.filter(({ ended }) => ended.status === "unparsed").length;
  return { deliveries: deliveries.length, events, unparsed };
}

/** As many as one transaction, and memory, should hold. */
function inPortions(asked: readonly Asked[]): Asked[][] {
  const portions: Asked[][] = [];
  let room = 0;
  for (const each of asked) {
    const { length } = each.data.deliveryIds;
    if (length > room) {
      portions.push([]);
      room = MAX_DELIVERIES;
    }
    portions.at(-1)?.push(each);
    room -= length;
  }
  return portions;
}

/** Whatever stands in the body, there is an answer: one bad delivery must not hold up those beside it. */
export function readDelivery(
  source: WebhookSource,
  { id, headers, body }: StoredDelivery,
): { ended: EndedDelivery; events: NewInboundEvent[] } {
  const ended = { id, eventType: null, problem: null, dropsBody: false };
  try {
    const text = textOf(body);
    const { eventType, events } = source.read(parse(text), headers);
    return {
      ended: {
        ...ended,
        status: events.length > 0 ? "normalised" : "ignored",
        eventType: storable(eventType, 200),
        // Personal numbers are kept nowhere. What cannot be read yet has to stay until it can.
        dropsBody: maskPersonalNumbers(text) !== text,
      },
      events: events.map((event) => ({ ...cleaned(event), deliveryId: id, provider: source.slug })),
    };
  } catch (error) {
    return { ended: { ...ended, status: "unparsed", problem: problemOf(error) }, events: [] };
  }
}

class UnreadableError extends Error {}

function textOf(body: Buffer | null): string {
  if (body === null) throw new UnreadableError("The body has been removed.");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw new UnreadableError("The body is not UTF-8.");
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Without the parser's message: it quotes the body.
    throw new UnreadableError("The body is not JSON.");
  }
}

/** Paths and rules, no values. */
function problemOf(error: unknown): string {
  if (error instanceof UnreadableError) return error.message;
  if (error instanceof z.ZodError) {
    const issues = error.issues.slice(0, 10).map(({ path, code }) => `${path.join(".") || "body"} (${code})`);
    return `Not of a shape that we know: ${issues.join(", ")}`;
  }
  return `It could not be read: ${error instanceof Error ? error.name : "unknown error"}`;
}

const MAX_REF = 300;
const MAX_TEXT = 20_000;

/** Such that Postgres takes it, and free of personal numbers where people write. */
function cleaned(event: InboundEvent): InboundEvent {
  const ref = (text: string | null) => (text === null ? null : storable(text, MAX_REF) || null);
  const written = (text: string | null) =>
    text === null ? null : maskPersonalNumbers(storable(text, MAX_TEXT)).trim() || null;
  return {
    ...event,
    eventKey: storable(event.eventKey, MAX_REF),
    messageRef: ref(event.messageRef),
    conversationRef: ref(event.conversationRef),
    campaignRef: ref(event.campaignRef),
    contact: ref(event.contact),
    account: ref(event.account),
    subject: written(event.subject),
    bodyText: written(event.bodyText),
    details: Object.fromEntries(
      Object.entries(event.details).map(([name, value]) => [
        name,
        typeof value === "string" ? maskPersonalNumbers(storable(value, 2_000)) : value,
      ]),
    ),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it removes
const UNSTORABLE = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g;

/** No control characters but tabs and line ends, no halves of characters, no more than `length`. */
const storable = (text: string, length: number): string =>
  text.replace(UNSTORABLE, "").slice(0, length).toWellFormed();
