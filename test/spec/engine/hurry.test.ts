import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { NO_OPENING } from "../../../server/src/engine/opening.ts";
import type { Append } from "../../../server/src/engine/ports.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import { Visit } from "../../../server/src/engine/visit.ts";
import { MemoryStorage } from "../../../server/src/storage/memory.ts";
import { sayingDialect, World } from "../../support/world.ts";

/** Appends wait for each other until somebody is in a hurry. */
class GatheringStorage extends MemoryStorage {
  readonly #waiting: (() => void)[] = [];

  get waiting(): number {
    return this.#waiting.length;
  }

  override async append(append: Append): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return super.append(append);
  }

  hurry(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function update(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

describe("who waits for the disk does not wait for others", () => {
  test("what is typed by clients, who are told when it is saved, may gather", async () => {
    const storage = new GatheringStorage();
    const world = new World({ storage });
    const ann = await world.join("notes");
    ann.type("a");
    await world.settle();
    ann.type("b");
    await world.settle();
    expect(storage.waiting).toBe(2);
    storage.hurry();
    await world.settle();
    expect(await world.storedText("notes")).toBe("ab");
  });

  test("a write without a socket, before it is in the log and after", async () => {
    const storage = new GatheringStorage();
    const world = new World({ storage });
    const ann = await world.join("notes");
    const here = await Visit.open("http", (link) =>
      world.rooms.open({
        document: world.name("notes"),
        author: "ben",
        rights: Rights.from("write"),
        ...link,
      }),
    );
    const written = here.write(update("from afar"));
    await world.settle();
    expect(await written).toMatchObject({ seq: 1 });
    // It is over with that: what comes then gathers again.
    ann.type("!");
    await world.settle();
    expect(storage.waiting).toBe(1);
    const saved = here.whenDurable();
    await world.settle();
    expect(await saved).toMatchObject({ seq: 2 });
  });

  test("a seed, which is shown to nobody before", async () => {
    const storage = new GatheringStorage();
    const world = new World({ storage });
    const dialect = { ...sayingDialect("filling"), seed: () => Uint8Array.of(253) };
    const ann = await world.join("notes", { dialect, opening: { ...NO_OPENING, offersSeed: true } });
    const ben = await world.join("notes");
    ann.session.seed(update("seed"));
    await world.settle();
    expect(ben.text).toBe("seed");
  });
});
