import type { ServerResponse } from "node:http";
import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { type FollowEvent, follow } from "../../../cli/src/remote/follow.ts";
import { followAll } from "../../../cli/src/remote/follow-all.ts";
import type { LivePerson } from "../../../cli/src/remote/live-event.ts";
import { batchesSince } from "../../../cli/src/remote/logged-batches.ts";
import { People } from "../../../cli/src/remote/people.ts";
import { type EventPlace, readEvents } from "../../../cli/src/remote/server-events.ts";
import { within } from "../../support/until.ts";
import { type Answering, answering, sendJson, sendProblem } from "./remote-stage.ts";

const LINEAGE = "00112233445566778899aabbccddeeff";
const revision = (seq: number) => `${LINEAGE}.0123456789abcdef.${seq}`;

const batch = (seq: number) => ({ seq, time: null, timeMs: 1000 * seq, bytes: 3, parts: [] });
const hello = (seq: number) => ({ document: "a", revision: revision(seq) });

function begin(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { "Content-Type": "text/event-stream" });
}

function send(response: ServerResponse, event: string, data: object, id?: string): void {
  response.write(
    `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
  );
}

/** Says hello, and no more. */
function greet(response: ServerResponse): void {
  send(begin(response), "hello", hello(1), revision(1));
  response.end();
}

/** All that is told until it ends, or until enough of it is there; and what it threw. */
async function told(server: Answering, count = Number.POSITIVE_INFINITY, hasUpdates = false) {
  const events: FollowEvent[] = [];
  const waits: number[] = [];
  const options = {
    connect: async () => server.connection(),
    document: "notes/a b",
    hasUpdates,
    signal: new AbortController().signal,
    random: () => 1,
    wait: async (ms: number) => void waits.push(ms),
  };
  let failure: unknown = null;
  try {
    for await (const event of follow(options)) {
      events.push(event);
      if (events.length === count) break;
    }
  } catch (error) {
    failure = error;
  }
  return { events, kinds: events.map(({ kind }) => kind), waits, failure };
}

describe("a document that is followed", () => {
  test("is gone on with behind the last batch, after the server was lost", async () => {
    const server = await answering(({ headers }, response) => {
      begin(response);
      if (server.requests.length === 1) {
        send(response, "hello", hello(4), revision(4));
        send(response, "batch", batch(5), revision(5));
        response.end("retry: 300\n\n");
      } else {
        const seq = Number(headers["last-event-id"]?.toString().split(".")[2]);
        send(response, "hello", hello(seq), revision(seq));
        send(response, "batch", batch(seq + 1), revision(seq + 1));
        send(response, "deleted", { code: "DOCUMENT_DELETED", retry: "never", message: "it was deleted" });
        response.end();
      }
    });
    const { events, kinds, waits, failure } = await told(server, undefined, true);
    expect(failure).toBeNull();
    expect(kinds).toEqual(["hello", "batch", "lost", "hello", "batch", "end"]);
    expect(events.flatMap((event) => (event.kind === "batch" ? event.seq : []))).toEqual([5, 6]);
    expect(waits).toEqual([300]);
    expect(server.requests.map(({ url, headers }) => [url, headers["last-event-id"]])).toEqual([
      ["/api/v1/documents/notes%2Fa%20b/events?updates=true", undefined],
      ["/api/v1/documents/notes%2Fa%20b/events?updates=true", revision(5)],
    ]);
  });

  test("is asked for again after longer and longer pauses, as long as nobody answers", async () => {
    const server = await answering((_, response) => {
      if (server.requests.length === 1 || server.requests.length === 8) greet(response);
      else response.destroy();
    });
    const { kinds, waits } = await told(server, 12);
    expect(kinds.slice(0, 9)).toEqual(["hello", ...Array(7).fill("lost"), "hello"]);
    expect(waits.slice(0, 9)).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 2000, 4000]);
  });

  test("is given up when the server was away for an hour", async () => {
    const server = await answering((_, response) => {
      if (server.requests.length === 1) greet(response);
      else response.destroy();
    });
    const { waits, failure } = await told(server);
    expect(failure).toMatchObject({
      code: "CONNECTION_LOST",
      message: expect.stringContaining("for an hour"),
    });
    const awayMs = waits.reduce((sum, ms) => sum + ms, 0);
    expect(awayMs).toBeGreaterThan(3_600_000);
    expect(awayMs).toBeLessThan(3_700_000);
  });

  test("of which the first try fails is no server that was lost", async () => {
    const server = await answering((_, response) => {
      sendProblem(response, 503, { code: "SERVER_DRAINING", detail: "about to stop", retry: "backoff" });
    });
    const { failure, waits } = await told(server);
    expect(failure).toMatchObject({ code: "SERVER_DRAINING" });
    expect(waits).toEqual([]);
  });

  test("ends with what is not to be tried again, and goes on after what is", async () => {
    const server = await answering((_, response) => {
      begin(response);
      send(response, "hello", hello(1), revision(1));
      const isDraining = server.requests.length === 1;
      const code = isDraining ? "SERVER_DRAINING" : "PERMISSION_DENIED";
      send(response, "closed", { code, retry: isDraining ? "backoff" : "never", message: code });
      response.end();
    });
    const { events, kinds, failure } = await told(server);
    expect(kinds).toEqual(["hello", "lost", "hello", "end"]);
    expect(events.at(-1)).toEqual({
      kind: "end",
      code: "PERMISSION_DENIED",
      retry: "never",
      message: "PERMISSION_DENIED",
    });
    expect(failure).toBeNull();
  });

  test("is given up where the token is not good any more", async () => {
    const server = await answering((_, response) => {
      if (server.requests.length === 1)
        begin(response).end(`event: hello\ndata: ${JSON.stringify(hello(1))}\n\n`);
      else sendProblem(response, 401, { code: "UNAUTHENTICATED", detail: "expired", retry: "after-auth" });
    });
    const { kinds, failure } = await told(server);
    expect(kinds).toEqual(["hello", "lost"]);
    expect(failure).toMatchObject({ code: "UNAUTHENTICATED" });
  });

  test("is not followed any more where nobody wants more of it: the request ends", async () => {
    const ended = Promise.withResolvers<void>();
    const server = await answering((_, response) => {
      response.on("close", () => ended.resolve());
      send(begin(response), "hello", hello(1), revision(1));
    });
    expect((await told(server, 1)).kinds).toEqual(["hello"]);
    await within("the request to end", ended.promise);
  });

  test("passes over events of later versions, and does not go on with what is none", async () => {
    const server = await answering((_, response) => {
      begin(response);
      send(response, "hello", hello(1), revision(1));
      send(response, "of-tomorrow", { a: 1 });
      response.end("event: batch\ndata: {\n\n");
    });
    const { kinds, failure } = await told(server);
    expect(kinds).toEqual(["hello"]);
    expect(failure).toBeInstanceOf(JoineryError);
    expect(failure).toMatchObject({ code: "INVALID_OPTION", message: expect.stringContaining("no JSON") });
  });
});

describe("all documents that are followed", () => {
  /** A server of which each look shows other rooms: of each its last batch, and how many it has logged. */
  async function looking(
    looks: readonly Readonly<Record<string, readonly [seq: number, batches: number]>>[],
  ) {
    let look = 0;
    const server = await answering(({ url = "" }, response) => {
      const { pathname, searchParams } = new URL(url, "http://a");
      const rooms = Object.entries(looks[Math.min(look, looks.length) - 1] ?? {});
      if (pathname.endsWith("/rooms")) {
        if (look === looks.length) return void response.destroy();
        sendJson(response, { rooms: Object.entries(looks[look++] ?? {}).map(roomOf), next: null });
      } else if (pathname.endsWith("/log")) {
        const document = decodeURIComponent(pathname.split("/").at(-2) ?? "");
        const last = rooms.find(([name]) => name === document)?.[1][0] ?? 9;
        const after = Number(searchParams.get("after"));
        const entries = Array.from({ length: last - after }, (_, i) => batch(after + i + 1));
        sendJson(response, { entries, next: null, damage: null });
      } else if (pathname.endsWith("/documents/deleted")) {
        sendProblem(response, 404, { code: "DOCUMENT_NOT_FOUND", detail: "no", retry: "never" });
      } else sendJson(response, { seq: 9 });
    });
    return server;
  }

  const roomOf = ([document, [seq, batches]]: [string, readonly [number, number]], i: number) => ({
    ...{ room: i, document, state: "live", sessions: 1, seq, durableSeq: seq, bytes: 0, uncommittedBytes: 0 },
    ...{ heldBytes: 0, loadedAt: null, batches },
  });

  test("are told what they have new: since it began, since they were opened, and until they were closed", async () => {
    const server = await looking([
      { "a/b": [5, 5], closing: [8, 1], deleted: [3, 3] },
      { "a/b": [5, 5], closing: [8, 1], deleted: [3, 3] },
      { "a/b": [7, 7], opened: [12, 2] },
    ]);
    const told: unknown[] = [];
    const all = async () => {
      const wait = async () => undefined;
      for await (const event of followAll({
        connect: async () => server.connection(),
        hasUpdates: false,
        wait,
      })) {
        if (event.kind === "lost") return;
        if (event.kind === "here") told.push(event.documents);
        else told.push([event.document, event.event.kind === "batch" ? event.event.seq : event.event.kind]);
      }
    };
    await all();
    expect(told).toEqual([
      3,
      3,
      2,
      ["a/b", 6],
      ["a/b", 7],
      ["opened", "opened"],
      ["opened", 11],
      ["opened", 12],
      ["closing", 9],
      ["closing", "closed"],
      ["deleted", "closed"],
    ]);
  });
});

describe("server-sent events", () => {
  async function* lines(text: string) {
    for (const line of text.split("\n").slice(0, -1)) yield Buffer.from(line);
  }

  async function read(text: string, place: EventPlace = { id: null, retryMs: null }) {
    const events: unknown[] = [];
    for await (const event of readEvents(lines(text), place)) events.push({ ...event, id: place.id });
    return { events, place };
  }

  test("are read as the standard says", async () => {
    const text =
      ": here\n\nid:1\ndata: a\ndata:  b\n\nevent:x\r\ndata\r\n\r\nid: 2\nretry: 50\n\ndata: cut off\n";
    expect(await read(text)).toEqual({
      events: [
        { event: "message", data: "a\n b", id: "1" },
        { event: "x", data: "", id: "1" },
      ],
      place: { id: "2", retryMs: 50 },
    });
  });

  test("say nothing of an event that was cut off, nor its id", async () => {
    const { events, place } = await read("id: 7\nevent: batch\ndata: {}\n", { id: "6", retryMs: null });
    expect(events).toEqual([]);
    expect(place.id).toBe("6");
  });

  test("take no pause that is no number", async () => {
    const { place } = await read("retry: soon\n\nretry: -1\n\nretry: 99999999999\n\n");
    expect(place.retryMs).toBeNull();
  });
});

describe("what came before", () => {
  test("is told up to where it is followed, with what a snapshot stands for", async () => {
    const server = await answering(({ url = "" }, response) => {
      const after = Number(new URL(url, "http://a").searchParams.get("after"));
      const first = Math.max(after + 1, 4);
      const entries = [first, first + 1].filter((seq) => seq <= 9).map(batch);
      sendJson(response, { entries, next: null, damage: null });
    });
    const seqs: unknown[] = [];
    const part = { document: "a", after: 1, last: 7, hasUpdates: false };
    for await (const event of batchesSince(server.connection(), part))
      seqs.push(event.kind === "batch" ? event.seq : event);
    expect(seqs).toEqual([{ kind: "gap", from: 2, to: 3 }, 4, 5, 6, 7]);
  });

  test("that a snapshot stands for as a whole is a gap, and after the end there is nothing", async () => {
    const server = await answering((_, response) =>
      sendJson(response, { entries: [], next: null, damage: null }),
    );
    const events: unknown[] = [];
    const part = { document: "a", after: 0, last: 7, hasUpdates: false };
    for await (const event of batchesSince(server.connection(), part)) events.push(event);
    expect(events).toEqual([{ kind: "gap", from: 1, to: 7 }]);
    const beyond = batchesSince(server.connection(), { ...part, after: 8 });
    await expect(beyond.next()).rejects.toThrow('the log of "a" ends with seq 7');
  });
});

describe("people", () => {
  const person = (clientId: number): LivePerson => ({ clientId, user: "", state: {} });
  const ids = (people: readonly LivePerson[]) => people.map(({ clientId }) => clientId);

  function after(people: People, change: Partial<Parameters<People["take"]>[0]>) {
    const { joined, changed, left } = people.take({
      ...{ kind: "presence", isAll: false, joined: [], changed: [], left: [] },
      ...change,
    });
    return { joined: ids(joined), changed: ids(changed), left: ids(left) };
  }

  test("who came and went while nobody told are told when everybody is", () => {
    const people = new People();
    expect(after(people, { isAll: true, joined: [1, 2].map(person) })).toEqual({
      joined: [1, 2],
      changed: [],
      left: [],
    });
    expect(after(people, { changed: [person(2)] })).toEqual({ joined: [], changed: [2], left: [] });
    expect(after(people, { isAll: true, joined: [2, 3].map(person) })).toEqual({
      joined: [3],
      changed: [],
      left: [1],
    });
    expect(after(people, { left: [9, 3] })).toEqual({ joined: [], changed: [], left: [3] });
  });
});
