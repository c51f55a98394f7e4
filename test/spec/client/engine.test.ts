import { deflateRawSync } from "node:zlib";
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import { describe, expect, onTestFinished, test } from "vitest";
import * as syncProtocol from "y-protocols/sync";
import * as Y from "yjs";
import { FakeEnvironment } from "../../support/client-environment.ts";
import { ClientWorld, type ClientWorldOptions, Person } from "../../support/client-world.ts";

function world(options?: ClientWorldOptions): ClientWorld {
  const world = new ClientWorld(options);
  onTestFinished(() => world.close());
  return world;
}

describe("clients of one server", () => {
  test("see each other's edits, and are saved", async () => {
    const stage = world();
    const ann = await stage.join();
    const ben = await stage.join();
    ann.type("hello");
    await stage.settle();
    ben.type(" world");
    await stage.settle();
    expect(ann.text).toBe("hello world");
    expect(ben.text).toBe("hello world");
    expect(ann.notes.saved && ben.notes.saved).toBe(true);
  });

  test("[U5] [R10] are not told that an edit is saved while the disk has not written it", async () => {
    const stage = world();
    const ann = await stage.join();
    const ben = await stage.join();
    stage.disk.hold();
    ann.type("hello");
    await stage.settle();
    expect(ben.text).toBe("hello");
    expect(ann.notes.saved).toBe(false);
    expect(ben.notes.saved).toBe(true);
    stage.disk.release();
    await stage.settle();
    expect(ann.notes.saved).toBe(true);
  });

  test("merge what they typed apart from each other", async () => {
    const stage = world();
    const ann = await stage.join();
    const ben = await stage.join();
    ann.type("base ");
    await stage.settle();
    ann.client.disconnect();
    await stage.settle();
    for (let i = 0; i < 200; i++) ann.type("a");
    for (let i = 0; i < 200; i++) ben.type("b");
    ben.erase(0, 2);
    await stage.settle();
    expect(ann.notes.status.kind).toBe("offline");
    expect(ann.notes.unsaved.count).toBe(200);
    ann.client.connect();
    await stage.settle();
    expect(ann.text).toBe(ben.text);
    expect(ann.text).toHaveLength(403);
    expect(ann.notes.saved).toBe(true);
  });

  test("[R7] [R12] give back what a server lost, their own edits and others', and nothing is there twice", async () => {
    const stage = world();
    const ann = await stage.join();
    const ben = await stage.join();
    const cid = await stage.join();
    ann.type("kept ");
    await stage.settle();
    stage.disk.hold();
    ann.type("lost ");
    ben.type("also ", 0);
    await stage.settle();
    expect(cid.text).toBe("also kept lost ");
    expect(ann.notes.saved || ben.notes.saved).toBe(false);
    stage.kill();
    // Only somebody who did not write them comes back.
    await ann.leave();
    await ben.leave();
    stage.start();
    await stage.advance(1_000);
    expect(cid.notes.synced).toBe(true);
    const dot = await stage.join();
    expect(dot.text).toBe("also kept lost ");
    expect(cid.text).toBe(dot.text);
  });

  test("[R12] go on when the server is killed again before what they gave back is durable", async () => {
    const stage = world();
    const ann = await stage.join();
    const ben = await stage.join();
    ann.type("kept ");
    await stage.settle();
    for (let round = 0; round < 3; round++) {
      stage.disk.hold();
      ann.type(`${round} `);
      await stage.settle();
      stage.kill();
      stage.start();
      await stage.advance(3_000);
    }
    expect(ann.notes.saved).toBe(true);
    await ann.leave();
    await ben.leave();
    const cid = await stage.join();
    expect(cid.text).toBe("kept 0 1 2 ");
  });

  test("recover a document that was never durable", async () => {
    const stage = world();
    const ann = await stage.join();
    stage.disk.hold();
    ann.type("first");
    await stage.settle();
    stage.kill();
    stage.start();
    await stage.advance(1_000);
    expect(ann.notes.status.kind).toBe("online");
    expect(ann.notes.saved).toBe(true);
    expect((await stage.join()).text).toBe("first");
  });

  test("[L1] [L3] are told when the document was deleted on the server, and may merge", async () => {
    const stage = world();
    const ann = await stage.join();
    ann.type("mine");
    await stage.settle();
    stage.kill();
    for await (const { document } of stage.disk.list("")) await stage.disk.erase(document);
    stage.start();
    await stage.advance(1_000);
    expect(ann.notes.status).toMatchObject({ kind: "refused", code: "LINEAGE_CHANGED" });
    expect(ann.notes.conflict?.remote.seq).toBe(0);
    await ann.notes.resolve("merge");
    await stage.settle();
    expect(ann.notes.saved).toBe(true);
    expect((await stage.join()).text).toBe("mine");
  });

  test("[K5] get a compressed snapshot and what follows it", async () => {
    const stage = world({ compression: { deflate: async (bytes) => new Uint8Array(deflateRawSync(bytes)) } });
    const ann = await stage.join();
    ann.type("many words ".repeat(2_000));
    await stage.settle();
    ann.type("and more");
    await stage.settle();
    const ben = await stage.join();
    expect(ben.text).toBe(ann.text);
    expect(ben.notes.synced).toBe(true);
  });

  test("[B1] [B6] bring a document larger than a message, in parts, and go on where they were cut off", async () => {
    const stage = world({ limits: { maxFragmentBytes: 2_048 } });
    const text = Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(97 + ((i * 7919) % 26))).join(
      "",
    );
    const ann = stage.person();
    ann.type(text);
    await stage.settle();
    expect(ann.notes.saved).toBe(true);
    const ben = await stage.join();
    expect(ben.text).toBe(text);
  });
});

describe("a seed", () => {
  const seed = (doc: Y.Doc) => doc.getText("text").insert(0, "template ");

  test("[S2] fills a new document once, with two clients that would", async () => {
    const stage = world();
    const ann = stage.person("notes", { seed });
    const ben = stage.person("notes", { seed });
    await stage.settle();
    expect(ann.text).toBe("template ");
    expect(ben.text).toBe("template ");
  });

  test("[S4] fills it once when the server is killed before it is durable", async () => {
    const stage = world();
    let runs = 0;
    const counting = (doc: Y.Doc) => {
      runs++;
      seed(doc);
    };
    stage.disk.hold();
    const ann = stage.person("notes", { seed: counting });
    const ben = stage.person("notes", { seed: counting });
    await stage.settle();
    expect(runs).toBe(1);
    expect(ann.text + ben.text).toBe("");
    stage.kill();
    stage.start();
    await stage.advance(1_000);
    await stage.advance(1_000);
    expect(runs).toBe(2);
    expect(ann.text).toBe("template ");
    expect(ben.text).toBe("template ");
    const cid = await stage.join("notes", { seed: counting });
    expect(cid.text).toBe("template ");
    expect(runs).toBe(2);
  });

  test("that fails is told, leaves the document empty, and is tried again when it is opened again", async () => {
    const stage = world();
    const errors: Error[] = [];
    let fails = true;
    const failing = (doc: Y.Doc) => {
      doc.getText("text").insert(0, "half of a ");
      if (fails) throw new Error("no template");
      seed(doc);
    };
    const ann = stage.person("notes", { seed: failing });
    ann.notes.on("error", (error) => errors.push(error));
    await stage.settle();
    expect(errors.map(({ message }) => message)).toEqual(["no template"]);
    expect(ann.text).toBe("");
    fails = false;
    await ann.notes.close();
    const again = stage.person("notes", { seed: failing }, ann.client);
    await stage.settle();
    expect(again.text).toBe("template half of a ");
    expect(again.notes.saved).toBe(true);
  });

  test("that fails keeps nobody from writing", async () => {
    const stage = world();
    const ann = stage.person("notes", {
      seed: () => {
        throw new Error("no template");
      },
    });
    ann.notes.on("error", () => undefined);
    await stage.settle();
    ann.type("by hand");
    await stage.settle();
    expect(ann.notes.saved).toBe(true);
  });
});

describe("presence", () => {
  test("[P3] is seen by others, and goes when they do", async () => {
    const stage = world();
    const ann = await stage.join();
    const ben = await stage.join();
    ann.notes.setPresence({ name: "ann" });
    await stage.settle();
    expect(ben.notes.others()).toEqual([
      { clientId: ann.notes.doc.clientID, user: null, state: { name: "ann" }, isTyping: false },
    ]);
    await ann.leave();
    await stage.settle();
    expect(ben.notes.others()).toEqual([]);
  });

  test("comes back with the connection, on both sides", async () => {
    const stage = world();
    const ann = await stage.join();
    const ben = await stage.join();
    ann.notes.setPresence({ name: "ann" });
    ben.notes.setPresence({ name: "ben" });
    await stage.settle();
    stage.cut();
    await stage.settle();
    expect(ann.notes.others()).toEqual([]);
    await stage.advance(1_000);
    expect(ann.notes.others().map(({ state }) => state.name)).toEqual(["ben"]);
    expect(ben.notes.others().map(({ state }) => state.name)).toEqual(["ann"]);
  });
});

describe("signals", () => {
  test("[G1] [G2] reach everybody, the others, or one user", async () => {
    const stage = world();
    const ann = await stage.join();
    const ben = await stage.join();
    const heard: string[] = [];
    ann.notes.on("signal", ({ name, payload }) => heard.push(`ann ${name} ${JSON.stringify(payload)}`));
    ben.notes.on("signal", ({ name, payload }) => heard.push(`ben ${name} ${JSON.stringify(payload)}`));
    expect(ann.notes.signal("ping", { n: 1 })).toBe(true);
    expect(ann.notes.signal("all", [2], { to: "all" })).toBe(true);
    expect(ann.notes.signal("one", 3, { to: { user: "nobody" } })).toBe(true);
    await stage.settle();
    expect(heard.sort()).toEqual(["ann all [2]", "ben all [2]", 'ben ping {"n":1}']);
  });

  test("[G3] that are too large are refused, and the document goes on", async () => {
    const stage = world();
    const ann = await stage.join();
    const notices: string[] = [];
    ann.notes.on("notice", ({ code }) => notices.push(code));
    ann.notes.signal("large", "x".repeat(20_000));
    await stage.settle();
    expect(notices).toEqual(["SIGNAL_REFUSED"]);
    expect(ann.notes.status.kind).toBe("online");
  });
});

/** A y-websocket provider without its socket: the published codec over the loopback. */
class YWebsocketPeer {
  readonly doc = new Y.Doc();

  constructor(world: ClientWorld, document: string) {
    const socket = world.loopback.connect(`ws://loopback/${document}`, "", {
      opened: () => this.#send(socket, (encoder) => syncProtocol.writeSyncStep1(encoder, this.doc)),
      message: (bytes) => {
        const decoder = decoding.createDecoder(bytes);
        if (decoding.readVarUint(decoder) !== 0) return;
        const reply = encoding.createEncoder();
        encoding.writeVarUint(reply, 0);
        syncProtocol.readSyncMessage(decoder, reply, this.doc, this);
        if (encoding.length(reply) > 1) socket.send(encoding.toUint8Array(reply));
      },
      closed: () => undefined,
    });
    this.doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (origin !== this) this.#send(socket, (encoder) => syncProtocol.writeUpdate(encoder, update));
    });
  }

  get text(): string {
    return this.doc.getText("text").toString();
  }

  #send(socket: { send(message: Uint8Array): void }, write: (encoder: encoding.Encoder) => void): void {
    const encoder = encoding.createEncoder();
    encoding.writeVarUint(encoder, 0);
    write(encoder);
    socket.send(encoding.toUint8Array(encoder));
  }
}

describe("a y-websocket client in the same document", () => {
  test("and a native one see each other's edits, apart and together", async () => {
    const stage = world();
    const ann = await stage.join();
    ann.type("native ");
    await stage.settle();
    const ben = new YWebsocketPeer(stage, "notes");
    await stage.settle();
    expect(ben.text).toBe("native ");
    ben.doc.getText("text").insert(7, "old ");
    await stage.settle();
    expect(ann.text).toBe("native old ");
    ann.client.disconnect();
    ann.type("away ");
    ben.doc.getText("text").insert(0, "here ");
    await stage.settle();
    ann.client.connect();
    await stage.settle();
    expect(ann.text).toBe("here native old away ");
    expect(ben.text).toBe(ann.text);
    expect(ann.notes.saved).toBe(true);
  });
});

describe("what moves", () => {
  test("on a reconnect with one keystroke missing is little, whatever the document's size", async () => {
    const stage = world();
    const ann = await stage.join();
    // Deletes are what a state vector cannot spare: here there are many.
    for (let i = 0; i < 2_000; i++) {
      ann.type("some words ", 0);
      ann.erase(3, 4);
    }
    await stage.settle();
    const moved = { up: 0, down: 0 };
    const environment = stage.environment();
    const { connect } = environment;
    const counted = new FakeEnvironment((url, subprotocol, events) => {
      const socket = connect(url, subprotocol, {
        ...events,
        message: (bytes) => {
          moved.down += bytes.length;
          events.message(bytes);
        },
      });
      return {
        send: (message) => {
          moved.up += message.length;
          socket.send(message);
        },
        close: (code, reason) => socket.close(code, reason),
        bufferedBytes: 0,
      };
    }, stage.clock);
    const client = stage.client({ environment: counted });
    const ben = new Person(client, client.open("notes"));
    await stage.settle();
    expect(ben.text).toBe(ann.text);
    client.disconnect();
    await stage.settle();
    ann.type("x", 0);
    await stage.settle();
    Object.assign(moved, { up: 0, down: 0 });
    client.connect();
    await stage.settle();
    expect(ben.text).toBe(ann.text);
    expect(ben.notes.synced && ben.notes.saved).toBe(true);
    expect(moved.up + moved.down).toBeLessThan(600);
    expect(moved.down).toBeGreaterThan(0);
  });
});
