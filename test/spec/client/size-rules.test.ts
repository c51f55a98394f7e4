/** Rules of what moves and of what is kept, shown on a document that is large. */

import { afterEach, describe, expect, test } from "vitest";
import * as Y from "yjs";
import { openLevelStore } from "../../../client/src/offline/level-store.ts";
import { FakeEnvironment } from "../../support/client-environment.ts";
import { ClientWorld, Person } from "../../support/client-world.ts";
import { MemoryRows } from "../../support/offline-databases.ts";

const worlds: ClientWorld[] = [];

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

function world(): ClientWorld {
  const made = new ClientWorld();
  worlds.push(made);
  return made;
}

/** Somebody of whose connections every byte is counted. */
function counted(stage: ClientWorld) {
  const moved = { up: 0, down: 0 };
  const { connect } = stage.environment();
  const environment = new FakeEnvironment((url, subprotocol, events) => {
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
      get bufferedBytes() {
        return socket.bufferedBytes;
      },
    };
  }, stage.clock);
  const client = stage.client({ environment });
  return { client, moved, person: new Person(client, client.open("notes")) };
}

describe("a document of 1 MB", () => {
  test("[R11] costs less than 1 KB both ways to come back to with one keystroke missing", async () => {
    const stage = world();
    const ann = await stage.join();
    ann.type("0123456789abcdef".repeat(65_536));
    // A state vector says nothing of deletes: these would all be sent to who has no revision.
    for (let i = 0; i < 500; i++) ann.erase(2_000 * i, 3);
    await stage.settle();
    expect(Y.encodeStateAsUpdate(ann.notes.doc).length).toBeGreaterThan(1_000_000);
    const { client, moved, person: ben } = counted(stage);
    await stage.settle();
    expect(ben.text === ann.text).toBe(true);
    expect(moved.down).toBeGreaterThan(1_000_000);
    client.disconnect();
    await stage.settle();
    ann.type("x", 500_000);
    await stage.settle();
    Object.assign(moved, { up: 0, down: 0 });
    client.connect();
    await stage.settle();
    expect(ben.text === ann.text).toBe(true);
    expect(ben.notes.synced && ben.notes.saved).toBe(true);
    expect(moved.up + moved.down).toBeLessThan(1024);
  });
});

describe("a document on the device", () => {
  test("[D7] takes no more than a few times its content however often it was edited, and loses nothing", async () => {
    const stage = world();
    const rows = new MemoryRows();
    const open = (): Person => {
      const environment = stage.environment();
      environment.openOfflineStore = (name) =>
        openLevelStore(name, { clock: stage.clock, openDatabase: rows.open });
      const client = stage.client({ environment, offline: "device" });
      return new Person(client, client.open("notes"));
    };
    const words = "many words, ".repeat(40);
    let written = 0;
    let expected = "";
    for (let start = 0; start < 4; start++) {
      const person = open();
      await person.notes.whenLoaded();
      expect(person.text === expected).toBe(true);
      for (let edit = 0; edit < 300; edit++) {
        // What is typed is erased again, but for a word now and then.
        person.type(words);
        written += words.length;
        person.erase(person.text.length - words.length, edit % 50 === 0 ? words.length - 6 : words.length);
        if (edit % 10 === 0) await stage.advance(1_000);
      }
      await stage.advance(60_000);
      expected = person.text;
      await person.leave();
    }
    const stored = [...rows.rows.values()].reduce((bytes, hex) => bytes + hex.length / 2, 0);
    // Below 64 KiB a log is left alone.
    expect(written).toBeGreaterThan(8 * 64 * 1024);
    expect(stored).toBeLessThan(2 * 64 * 1024);
    stage.kill();
    const again = open();
    await again.notes.whenLoaded();
    expect(again.text).toBe(expected);
    expect(again.text.length).toBe(4 * 6 * 6);
    expect(again.notes.unsaved.count).toBe(0);
  });
});
