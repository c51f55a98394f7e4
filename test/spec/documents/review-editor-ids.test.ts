import { expect, test } from "vitest";
import * as Y from "yjs";
import { CodeEdits } from "../../../server/src/documents/code-edits.ts";
import { EditorIds } from "../../../server/src/documents/editor-ids.ts";
import { World } from "../../support/world.ts";

function stage() {
  const world = new World();
  let byte = 7;
  const ids = new EditorIds({ bytes: (length) => Uint8Array.from({ length }, () => ++byte) });
  const edits = new CodeEdits({
    rooms: world.rooms,
    ids,
    limits: { maxCodeEditBytes: 1e6 },
    onLimit: () => undefined,
  });
  const edit = async (change: (doc: Y.Doc) => void) => {
    const done = edits.edit(world.name("notes"), change, {});
    const settled = done.then(
      () => undefined,
      () => undefined,
    );
    for (let i = 0; i < 4; i++) await world.settle();
    await settled;
    return await done;
  };
  return { world, edit };
}

test("somebody who shows presence under an id that code has edited by cannot keep it from editing", async () => {
  const { world, edit } = stage();
  const eve = await world.join("notes");
  await edit((doc) => doc.getText("text").insert(0, "a"));
  const [id] = [...Y.decodeStateVector(Y.encodeStateVector(eve.doc)).keys()];
  eve.doc.clientID = id as number;
  eve.awareness.clientID = id as number;
  eve.show({ name: "eve" });
  await world.settle();
  await edit((doc) => doc.getText("text").insert(1, "b"));
  expect(eve.text).toBe("ab");
});

test("somebody who writes under it loses nothing of theirs, nor of what code writes", async () => {
  const { world, edit } = stage();
  const eve = await world.join("notes");
  await edit((doc) => doc.getText("text").insert(0, "a"));
  const [id] = [...Y.decodeStateVector(Y.encodeStateVector(eve.doc)).keys()];
  eve.doc.clientID = id as number;
  eve.type("b");
  await world.settle();
  await edit((doc) => doc.getText("text").insert(2, "c"));
  expect(eve.text).toBe("abc");
});
