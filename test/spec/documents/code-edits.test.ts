import { DEFAULT_LIMITS } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { Doc } from "yjs";
import { CodeEdits } from "../../../server/src/documents/code-edits.ts";
import { EditorIds } from "../../../server/src/documents/editor-ids.ts";
import { SYSTEM_RANDOM } from "../../../server/src/node/clock.ts";
import { FaultyStorage, World } from "../../support/world.ts";

class Stage {
  readonly hits: string[] = [];
  readonly world: World;
  readonly #edits: CodeEdits;

  constructor(storage = new FaultyStorage(), limits = {}) {
    this.world = new World({ storage });
    this.#edits = new CodeEdits({
      rooms: this.world.rooms,
      ids: new EditorIds(SYSTEM_RANDOM),
      limits: { ...DEFAULT_LIMITS, ...limits },
      onLimit: (limit) => this.hits.push(limit),
    });
  }

  async edit(change: (doc: Doc) => void, origin = "importer") {
    const editing = this.#edits.edit(this.world.name("notes"), change, { origin });
    const settled = editing.then(
      () => undefined,
      () => undefined,
    );
    await Promise.race([settled, this.world.settle()]);
    return editing;
  }
}

describe("an edit by the application's own code", () => {
  test("is made upon what is there, reaches everybody, and is logged as its origin's", async () => {
    const stage = new Stage();
    const ann = await stage.world.join("notes", { author: "ann" });
    ann.type("world");
    await stage.world.settle();
    let seen = "";
    const { seq } = await stage.edit((doc) => {
      seen = doc.getText("text").toString();
      doc.getText("text").insert(0, "hello ");
      doc.getMap("meta").set("at", 7);
    });
    expect([seen, seq, ann.text, ann.doc.getMap("meta").get("at")]).toEqual(["world", 2, "hello world", 7]);
    const [, entry] = (await stage.world.storage.load(stage.world.name("notes")))?.tail ?? [];
    expect(entry?.parts.map(({ author }) => author)).toEqual(["importer"]);
  });

  test("has resolved when it is on disk, and not before", async () => {
    const storage = new FaultyStorage();
    const stage = new Stage(storage);
    await stage.world.join("notes");
    storage.hold();
    let isDone = false;
    const editing = stage
      .edit((doc) => doc.getText("text").insert(0, "a"))
      .then(() => {
        isDone = true;
      });
    await stage.world.settle();
    expect(storage.appends).toHaveLength(1);
    expect(isDone).toBe(false);
    storage.release();
    await stage.world.settle();
    await editing;
    expect(await stage.world.storedText("notes")).toBe("a");
  });

  test("that throws leaves nothing, and says what was thrown", async () => {
    const stage = new Stage();
    const wrong = new TypeError("mine");
    await expect(
      stage.edit((doc) => {
        doc.getText("text").insert(0, "half");
        throw wrong;
      }),
    ).rejects.toBe(wrong);
    expect(await stage.world.storage.load(stage.world.name("notes"))).toBeNull();
    expect(stage.world.rooms.counts().sessions).toBe(0);
  });

  test("that would go on later is refused, and nothing of it is there", async () => {
    const stage = new Stage();
    // biome-ignore lint/nursery/noMisusedPromises: reason: it is what must not be done
    const editing = stage.edit(async (doc) => void doc.getText("text").insert(0, "early"));
    await expect(editing).rejects.toMatchObject({ code: "INVALID_OPTION" });
    expect(await stage.world.storage.load(stage.world.name("notes"))).toBeNull();
  });

  test("that does nothing makes neither a document nor a batch", async () => {
    const stage = new Stage();
    expect(await stage.edit(() => undefined)).toMatchObject({ seq: 0 });
    expect(await stage.world.storage.load(stage.world.name("notes"))).toBeNull();
    await stage.edit((doc) => doc.getText("text").insert(0, "a"));
    expect(await stage.edit(() => undefined)).toMatchObject({ seq: 1 });
  });

  test("is not made in a document that is too large for the event loop", async () => {
    const stage = new Stage(new FaultyStorage(), { maxCodeEditBytes: 100 });
    await stage.edit((doc) => doc.getText("text").insert(0, "x".repeat(200)));
    const editing = stage.edit((doc) => doc.getText("text").insert(0, "y"));
    await expect(editing).rejects.toMatchObject({ code: "UPDATE_TOO_COSTLY", limit: "maxCodeEditBytes" });
    expect(stage.hits).toEqual(["maxCodeEditBytes"]);
  });
});
