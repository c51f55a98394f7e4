import { readFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import { decodeStateVector, inspectUpdate } from "@joinery/shared";
import {
  CONNECTION_FRAMES,
  DOCUMENT_FRAMES,
  type Fragment,
  inFragments,
  PROTOCOL_VERSION,
  Reassembly,
  readReassembled,
  SUBPROTOCOL,
} from "@joinery/shared/protocol";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { clientFrameKinds, serverFrameKinds } from "./protocol-arbitraries.ts";
import {
  decodeFrame,
  decodeMessage,
  encodeFrame,
  type Frame,
  frameFromJson,
  frameToJson,
  fromHex,
  joined,
  type Side,
  toHex,
} from "./protocol-frames.ts";

interface Vectors {
  readonly subprotocol: string;
  readonly version: number;
  readonly client: readonly FrameVector[];
  readonly server: readonly FrameVector[];
  readonly messages: readonly (MessageVector & { readonly name: string })[];
  readonly fragments: readonly FragmentsVector[];
  readonly refusals: readonly { name: string; from: Side; hex: string; error: string }[];
  readonly brokenFragments: readonly {
    name: string;
    from: Side;
    maxBytes?: number;
    parts: readonly string[];
    error: string;
  }[];
  readonly session: readonly (MessageVector & { readonly what: string })[];
}

interface FrameVector {
  readonly name: string;
  readonly hex: string;
  readonly frame: unknown;
}

interface MessageVector {
  readonly from: Side;
  readonly hex: string;
  readonly frames: readonly unknown[];
}

interface FragmentsVector {
  readonly name: string;
  readonly from: Side;
  readonly fragmentBytes: number;
  readonly id: string;
  readonly have: number;
  readonly whole: string;
  readonly parts: readonly string[];
}

const vectors: Vectors = JSON.parse(
  readFileSync(new URL("../../../docs/protocol-vectors.json", import.meta.url), "utf8"),
);
const ofBoth = [
  ...vectors.client.map((vector) => ({ from: "client" as const, ...vector })),
  ...vectors.server.map((vector) => ({ from: "server" as const, ...vector })),
];

test("the vectors are of this version", () => {
  expect(vectors).toMatchObject({ subprotocol: SUBPROTOCOL, version: PROTOCOL_VERSION });
});

test("each kind of frame has a vector, and its name says which it is", () => {
  const kinds = (list: readonly FrameVector[]) => new Set(list.map(({ frame }) => (frame as Frame).type));
  expect(kinds(vectors.client)).toEqual(new Set(clientFrameKinds));
  expect(kinds(vectors.server)).toEqual(new Set(serverFrameKinds));
  const types: Record<string, number> = { ...CONNECTION_FRAMES, ...DOCUMENT_FRAMES };
  for (const { name, hex, frame } of ofBoth) {
    const { type } = frame as Frame;
    const spoken = type.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    expect(name).toMatch(new RegExp(`^${spoken}\\b`));
    expect(fromHex(hex)[0], name).toBe(types[type]);
  }
});

test("no two vectors have one name", () => {
  const all = [...ofBoth, ...vectors.messages, ...vectors.fragments, ...vectors.refusals];
  const names = all.map(({ from, name }) => `${from}: ${name}`);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

describe("a frame's vector", () => {
  test.each(ofBoth)("[C2] decodes and encodes exactly: $from, $name", ({ from, hex, frame }) => {
    expect(decodeMessage(from, fromHex(hex)).map(frameToJson)).toEqual([frame]);
    expect(toHex(encodeFrame(from, frameFromJson(frame)))).toBe(hex);
  });

  test("is deflated as RFC 1951 says, where it says so", () => {
    const pieces = vectors.server
      .map(({ frame }) => frameFromJson(frame))
      .filter((it) => it.type === "catchUp");
    const [plain, deflated] = [false, true].map((is) => pieces.find(({ isDeflated }) => isDeflated === is));
    expect(new Uint8Array(inflateRawSync(deflated?.update as Uint8Array))).toEqual(plain?.update);
  });

  test("has updates and state vectors that are ones", () => {
    for (const json of [
      ...ofBoth.map(({ frame }) => frame),
      ...vectors.session.flatMap(({ frames }) => frames),
    ]) {
      const frame = frameFromJson(json);
      if ("stateVector" in frame && frame.stateVector) decodeStateVector(frame.stateVector);
      const isYjs = ["update", "answer", "seed", "batch"].includes(frame.type);
      if (isYjs && "update" in frame) inspectUpdate(frame.update);
    }
  });
});

describe("a message's vector", () => {
  test.each(vectors.messages)("[C1] is read as it says: $name", ({ from, hex, frames }) => {
    expect(decodeMessage(from, fromHex(hex)).map(frameToJson)).toEqual(frames);
  });
});

describe("a fragmented frame's vector", () => {
  test.each(vectors.fragments)("[B1] comes together: $name", ({ from, whole, parts, ...vector }) => {
    const frame = fromHex(whole);
    const { fragmentBytes, have } = vector;
    const cut = [...inFragments(frame, fromHex(vector.id), fragmentBytes, have)];
    expect(cut.map(toHex)).toEqual(parts);
    const reassembly = reassembled(
      from,
      [toHex(joined([...inFragments(frame, fromHex(vector.id), 1)]))],
      1e6,
    );
    expect(reassembly).toEqual(decodeMessage(from, frame)[0]);
    if (have === 0) expect(reassembled(from, parts, 1e6)).toEqual(decodeMessage(from, frame)[0]);
  });

  test.each(vectors.brokenFragments)(
    "[B2] [B3] [B4] is refused: $name",
    ({ from, parts, error, ...vector }) => {
      expect(() => reassembled(from, parts, vector.maxBytes ?? 1e6)).toThrow(
        expect.objectContaining({ code: error }),
      );
    },
  );

  function reassembled(from: Side, messages: readonly string[], maxBytes: number): Frame | null {
    const parts = messages.flatMap((hex) => decodeMessage(from, fromHex(hex))) as Fragment[];
    const reassembly = new Reassembly(parts[0] as Fragment, maxBytes);
    const whole = parts.map((part) => reassembly.add(part)).at(-1);
    return whole ? decodeFrame(from, readReassembled(whole)) : null;
  }
});

describe("a refusal's vector", () => {
  test.each(vectors.refusals)("[C3] [C4] is refused: $from, $name", ({ from, hex, error }) => {
    expect(() => decodeMessage(from, fromHex(hex))).toThrow(expect.objectContaining({ code: error }));
  });
});

describe("the worked example", () => {
  test.each(vectors.session)("[C1] decodes and encodes exactly: $what", ({ from, hex, frames }) => {
    expect(decodeMessage(from, fromHex(hex)).map(frameToJson)).toEqual(frames);
    expect(toHex(joined(frames.map((frame) => encodeFrame(from, frameFromJson(frame)))))).toBe(hex);
  });

  test("gives Ann's client the text that it tells of", () => {
    const ann = new Y.Doc();
    for (const { frames } of vectors.session) {
      for (const frame of frames.map(frameFromJson)) {
        if (frame.type === "catchUp" || frame.type === "batch" || frame.type === "update") {
          Y.applyUpdate(ann, frame.update);
        }
      }
    }
    expect(ann.getText("t").toString()).toBe("Hi!?");
  });
});
