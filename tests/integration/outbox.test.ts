import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { sql } from "drizzle-orm";
import { Inngest } from "inngest";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDb, type Db, inSystem, inWorkspace } from "#db/client.ts";
import { deleteConsumedEvents } from "#db/queries/outbox.ts";
import { DEFAULT_WORKSPACE_ID as workspaceId } from "#db/schema/workspaces.ts";
import { fileUploaded } from "#src/events/imports.ts";
import { createLogger } from "#src/platform/logger.ts";
import { addToOutbox, markConsumed, type OutboxRelay, startOutboxRelay } from "#src/platform/outbox.ts";
import { createTestDatabase, type TestDatabase } from "#tests/support/databases.ts";
import { eventually } from "#tests/support/eventually.ts";

/** Stands for an engine: notes what arrives, and refuses while it is told to. */
interface EventSink {
  url: string;
  received: { id: string; name: string; data: { importId: string } }[];
  refuse: boolean;
  server: Server;
}

let database: TestDatabase;
let db: Db;
let sink: EventSink;
let relays: OutboxRelay[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDb(database.url);
  sink = await startSink();
});
afterAll(async () => {
  sink.server.closeAllConnections();
  sink.server.close();
  await db.$client.end();
  await database.drop();
});
beforeEach(async () => {
  await inWorkspace(db, workspaceId, (tx) => tx.execute(sql`DELETE FROM outbox`));
  sink.received = [];
  sink.refuse = false;
});
afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  relays = [];
});

function startRelay(resendMs = 60_000): void {
  const inngest = new Inngest({ id: "test", baseUrl: sink.url, eventKey: "key", isDev: false });
  relays.push(startOutboxRelay({ db, inngest, logger: createLogger("silent"), resendMs }));
}

const id = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`;
const event = (n: number) => fileUploaded.create({ workspaceId, importId: id(n), jobId: id(n), attempt: 1 });
const add = (...numbers: number[]) =>
  inWorkspace(db, workspaceId, (tx) => addToOutbox(tx, numbers.map(event)));
const receivedIds = () => sink.received.map((each) => each.id);
const consume = (eventId: string) => inWorkspace(db, workspaceId, (tx) => markConsumed(tx, eventId));

describe("the outbox", () => {
  it("sends what was committed, with the row's id", async () => {
    await add(1, 2);
    startRelay();
    await eventually(() => sink.received.length === 2);
    const { rows } = await inWorkspace(db, workspaceId, (tx) =>
      tx.execute(sql`SELECT id FROM outbox ORDER BY id`),
    );
    expect(receivedIds().sort()).toEqual(rows.map((row) => row.id));
  });

  it("never sends what was rolled back", async () => {
    const rolledBack = inWorkspace(db, workspaceId, async (tx) => {
      await addToOutbox(tx, [event(1)]);
      throw new Error("no");
    });
    await expect(rolledBack).rejects.toThrow("no");
    await add(2);
    startRelay();
    await eventually(() => sink.received.length === 1);
    expect(sink.received[0]?.data.importId).toBe(id(2));
  });

  it("sends again, with the same id, until the event is consumed", async () => {
    await add(1);
    startRelay(100);
    await eventually(() => sink.received.length >= 3);
    expect(new Set(receivedIds()).size).toBe(1);
    await consume(receivedIds()[0] as string);
    const sends = async () =>
      (await inWorkspace(db, workspaceId, (tx) => tx.execute(sql`SELECT sends FROM outbox`))).rows[0]?.sends;
    const settled = await sends();
    // What is due is sent in the order of its time: when a later event has come, the consumed one was left out.
    await add(2);
    await eventually(() => sink.received.some((each) => each.data.importId === id(2)));
    expect(await sends()).toBe(settled);
  });

  it("goes on when the engine was away", async () => {
    sink.refuse = true;
    await add(1);
    startRelay();
    await eventually(async () => {
      const { rows } = await inWorkspace(db, workspaceId, (tx) =>
        tx.execute(sql`SELECT 1 FROM outbox WHERE sent_at IS NOT NULL`),
      );
      return rows.length === 1;
    });
    sink.refuse = false;
    await eventually(() => sink.received.length === 1, { deadlineMs: 20_000 });
  });

  it("shares the work between relays: each event is sent by one of them", async () => {
    const numbers = Array.from({ length: 500 }, (_, index) => index);
    await add(...numbers);
    startRelay();
    startRelay();
    await eventually(() => sink.received.length >= 500);
    expect(new Set(receivedIds()).size).toBe(500);
    expect(sink.received).toHaveLength(500);
  });

  it("removes what was consumed long ago, and nothing else", async () => {
    await add(1, 2);
    startRelay();
    await eventually(() => sink.received.length === 2);
    await consume(receivedIds()[0] as string);
    expect(await inSystem(db, (tx) => deleteConsumedEvents(tx, 60_000))).toBe(0);
    expect(await inSystem(db, (tx) => deleteConsumedEvents(tx, -60_000))).toBe(1);
  });
});

async function startSink(): Promise<EventSink> {
  const made: Omit<EventSink, "server"> = { url: "", received: [], refuse: false };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.setHeader("content-type", "application/json");
    if (made.refuse) {
      response.statusCode = 500;
      response.end(JSON.stringify({ error: "away" }));
      return;
    }
    const events = JSON.parse(Buffer.concat(chunks).toString());
    made.received.push(...events);
    response.end(JSON.stringify({ ids: events.map((each: { id: string }) => each.id), status: 200 }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(made, { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}
