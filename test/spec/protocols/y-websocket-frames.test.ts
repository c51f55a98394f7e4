import { equalBytes, JoineryError } from "@joinery/shared";
import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import { describe, expect, test } from "vitest";
import { readAuthMessage, writePermissionDenied } from "y-protocols/auth";
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from "y-protocols/awareness";
import { readSyncMessage, writeSyncStep1, writeSyncStep2, writeUpdate } from "y-protocols/sync";
import { messageAuth, messageAwareness, messageSync } from "y-websocket";
import * as Y from "yjs";
import { FrameInParts } from "../../../server/src/engine/frame.ts";
import { Y_WEBSOCKET } from "../../../server/src/protocols/y-websocket.ts";

/** What the peers' own servers write: a kind, then what the protocol's own writer adds. */
function written(kind: number, write: (encoder: encoding.Encoder) => void): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, kind);
    write(encoder);
  });
}

function documentWith(text: string): Y.Doc {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return doc;
}

/** Reads a sync frame as the provider does. Returns what the provider would answer. */
function readSync(frame: Uint8Array, doc: Y.Doc): { type: number; answer: Uint8Array } {
  const decoder = decoding.createDecoder(frame);
  expect(decoding.readVarUint(decoder)).toBe(messageSync);
  const encoder = encoding.createEncoder();
  const type = readSyncMessage(decoder, encoder, doc, "test");
  expect(decoding.hasContent(decoder)).toBe(false);
  return { type, answer: encoding.toUint8Array(encoder) };
}

// Their lengths take one byte and two, three and four.
const TEXTS = ["", "a", "🎈", "x".repeat(110), "x".repeat(200), "x".repeat(20_000), "x".repeat(3_000_000)];

describe.each(TEXTS.map((text) => [text.length, text] as const))("with a text of %i", (_, text) => {
  const doc = documentWith(text);
  const update = Y.encodeStateAsUpdate(doc);

  test("an update is the frame that y-protocols writes, and the provider applies it", () => {
    const frame = Y_WEBSOCKET.update(update);
    expect(frame).toEqual(written(messageSync, (encoder) => writeUpdate(encoder, update)));
    const reader = new Y.Doc();
    expect(readSync(frame, reader).type).toBe(2);
    expect(reader.getText("text").toString()).toBe(text);
  });

  test("the last piece of a catch-up is step 2, which makes the provider call itself synced", () => {
    const frame = Y_WEBSOCKET.catchUp(update, true);
    expect(frame).toEqual(written(messageSync, (encoder) => writeSyncStep2(encoder, doc)));
    const reader = new Y.Doc();
    expect(readSync(frame, reader).type).toBe(1);
    expect(reader.getText("text").toString()).toBe(text);
  });

  test("the other pieces of a catch-up are updates", () => {
    expect(Y_WEBSOCKET.catchUp(update, false)).toEqual(Y_WEBSOCKET.update(update));
  });

  test.each([true, false])(
    "a piece that is not copied stands behind its head, be it the last: %s",
    (isLast) => {
      const frame = new FrameInParts(Y_WEBSOCKET.catchUpHead(update.length, isLast), update);
      expect(frame.length).toBe(Y_WEBSOCKET.catchUp(update, isLast).length);
      expect(equalBytes(frame.whole, Y_WEBSOCKET.catchUp(update, isLast))).toBe(true);
    },
  );

  test("the question is step 1, and the provider answers with what is missing", () => {
    const frame = Y_WEBSOCKET.ask(Y.encodeStateVector(new Y.Doc()));
    expect(frame).toEqual(written(messageSync, (encoder) => writeSyncStep1(encoder, new Y.Doc())));
    const { type, answer } = readSync(frame, doc);
    expect(type).toBe(0);
    expect(answer).toEqual(encoding.encode((encoder) => writeUpdate(encoder, update)).with(0, 1));
  });
});

describe("the other frames", () => {
  test("presence is the frame that y-protocols writes, and the provider shows it", () => {
    const ann = new Awareness(new Y.Doc());
    const ben = new Awareness(new Y.Doc());
    ann.setLocalState({ name: "Ann" });
    const update = encodeAwarenessUpdate(ann, [ann.clientID]);
    const frame = Y_WEBSOCKET.presence(update);
    expect(frame).toEqual(
      written(messageAwareness, (encoder) => encoding.writeVarUint8Array(encoder, update)),
    );
    const decoder = decoding.createDecoder(frame);
    expect(decoding.readVarUint(decoder)).toBe(messageAwareness);
    applyAwarenessUpdate(ben, decoding.readVarUint8Array(decoder), "test");
    expect(ben.getStates().get(ann.clientID)).toEqual({ name: "Ann" });
    ann.destroy();
    ben.destroy();
  });

  test("a permission that is missing is the frame that y-protocols writes, and is read with its reason", () => {
    const error = new JoineryError("PERMISSION_DENIED", "lecture seule: défendu");
    const frame = Y_WEBSOCKET.refused(error) as Uint8Array;
    expect(frame).toEqual(written(messageAuth, (encoder) => writePermissionDenied(encoder, error.message)));
    const decoder = decoding.createDecoder(frame);
    expect(decoding.readVarUint(decoder)).toBe(messageAuth);
    const reasons: string[] = [];
    readAuthMessage(decoder, new Y.Doc(), (_, reason) => reasons.push(reason));
    expect(reasons).toEqual([error.message]);
  });

  test("there is none for other refusals, nor for what is saved", () => {
    expect(Y_WEBSOCKET.refused(new JoineryError("MALFORMED_UPDATE", "no"))).toBeNull();
    expect(Y_WEBSOCKET.durable()).toBeNull();
  });
});
