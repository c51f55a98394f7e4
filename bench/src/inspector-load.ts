/** What the inspector is measured on: updates as editors send them, documents, and the worst that a client can send. */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { encodeDeleteSet } from "@joinery/shared";
import * as encoding from "lib0/encoding";
import * as Y from "yjs";

type Transaction = readonly (readonly [position: number, deleteCount: number, insert: string])[];

/** The edits of one person writing a paper; see test/fixtures/traces/README.md. */
export function readTrace(): Transaction[] {
  const file = new URL("../../test/fixtures/traces/automerge-paper.json.gz", import.meta.url);
  const { txns } = JSON.parse(gunzipSync(readFileSync(file)).toString("utf8")) as {
    txns: { patches: Transaction }[];
  };
  return txns.map(({ patches }) => patches);
}

export function apply(text: Y.Text, patches: Transaction): void {
  for (const [position, deleteCount, insert] of patches) {
    if (deleteCount > 0) text.delete(position, deleteCount);
    if (insert.length > 0) text.insert(position, insert);
  }
}

/** The first edits of the paper, each as the update that its editor sends; all are different. */
export function keystrokes(count: number): Uint8Array[] {
  const doc = new Y.Doc();
  doc.clientID = clientId(0);
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  const text = doc.getText("text");
  for (const patches of readTrace().slice(0, count)) doc.transact(() => apply(text, patches));
  return updates;
}

/** States of documents with so many papers in them, each by another writer. A paper is about a third of a megabyte. */
export function documents(papers: readonly number[]): Uint8Array[] {
  const trace = readTrace();
  const states = Array.from({ length: Math.max(...papers) }, (_, i) => {
    const doc = new Y.Doc();
    doc.clientID = clientId(i);
    const text = doc.getText(`paper ${i}`);
    doc.transact(() => {
      for (const patches of trace) apply(text, patches);
    });
    return Y.encodeStateAsUpdate(doc);
  });
  return papers.map((count) => Y.mergeUpdates(states.slice(0, count)));
}

/** Spread over all 32 bits, as random ones are, but the same in every run. */
export function clientId(index: number): number {
  return Math.imul(index + 1, 0x9e3779b1) >>> 0;
}

/** Updates of about so many bytes that give the inspector as much to do as they can. */
export const HOSTILE: Readonly<Record<string, (bytes: number) => Uint8Array>> = {
  "collected ticks, one by one": (bytes) => structs(repeat(Uint8Array.of(0, 1), bytes), bytes >> 1),
  "gaps between single ticks": (bytes) => structs(repeat(Uint8Array.of(0, 1, 10, 1), bytes), bytes >> 1),
  "items between two others": (bytes) => {
    const item = Uint8Array.of(0xc4, 1, 0, 2, 0, 1, 0x61);
    return structs(repeat(item, bytes), Math.floor(bytes / item.length));
  },
  "a client for each tick": (bytes) =>
    encoding.encode((encoder) => {
      const count = Math.floor(bytes / 8);
      encoding.writeVarUint(encoder, count);
      for (let client = count; client > 0; client--) {
        for (const value of [1, client * 1000, 0, 0, 1]) encoding.writeVarUint(encoder, value);
      }
      encoding.writeVarUint(encoder, 0);
    }),
  "another client in each reference": (bytes) => {
    const count = Math.floor(bytes / 8);
    const items = encoding.encode((encoder) => {
      for (let i = 0; i < count; i++) {
        encoding.writeUint8(encoder, 0x84);
        for (const value of [i * 1000 + 1, 0, 1, 0x61]) encoding.writeVarUint(encoder, value);
      }
    });
    return structs(items, count, 0);
  },
  "text of four-byte characters": (bytes) => content(4, utf8("🎈".repeat(bytes >> 2))),
  "JSON nested 64 deep": (bytes) => {
    const nest = `${"[".repeat(63)}${"]".repeat(63)},`;
    return content(5, utf8(`[${nest.repeat(Math.floor(bytes / nest.length))}0]`));
  },
  "JSON of escapes": (bytes) => content(5, utf8(`"${"\\u00e9".repeat(Math.floor(bytes / 6))}"`)),
  "values nested 64 deep": (bytes) => {
    const nest = Uint8Array.from([...Array.from({ length: 64 }, () => [117, 1]).flat(), 126]);
    return values(repeat(nest, bytes), Math.floor(bytes / nest.length));
  },
  "nulls, one by one": (bytes) => values(repeat(Uint8Array.of(126), bytes), bytes),
  "objects with one key": (bytes) => values(repeat(Uint8Array.of(118, 1, 0, 126), bytes), bytes >> 2),
  "options of a subdocument": (bytes) => {
    const option = encoding.encode((encoder) => {
      encoding.writeVarString(encoder, "guie");
      encoding.writeUint8(encoder, 126);
    });
    const options = Math.floor(bytes / option.length);
    return structs(
      encoding.encode((encoder) => {
        encoding.writeUint8(encoder, 9);
        encoding.writeVarUint(encoder, 1);
        encoding.writeVarString(encoder, "root");
        encoding.writeVarString(encoder, "guid");
        encoding.writeUint8(encoder, 118);
        encoding.writeVarUint(encoder, options);
        encoding.writeUint8Array(encoder, repeat(option, bytes));
      }),
      1,
    );
  },
  "deletes of single ticks": (bytes) => {
    const starts = Array.from({ length: Math.floor(bytes / 4) }, (_, i) => i * 2);
    return deletes(encodeDeleteSet(new Map([[1, { starts, ends: starts.map((start) => start + 1) }]])));
  },
  "deletes of another client each": (bytes) => {
    const one = { starts: [0], ends: [1] };
    return deletes(
      encodeDeleteSet(new Map(Array.from({ length: Math.floor(bytes / 8) }, (_, i) => [i * 1000, one]))),
    );
  },
};

function structs(bytes: Uint8Array, count: number, client = 9): Uint8Array {
  return encoding.encode((encoder) => {
    for (const value of [1, count, client, 0]) encoding.writeVarUint(encoder, value);
    encoding.writeUint8Array(encoder, bytes);
    encoding.writeVarUint(encoder, 0);
  });
}

/** One item with this content. */
function content(ref: number, bytes: Uint8Array): Uint8Array {
  const item = encoding.encode((encoder) => {
    encoding.writeUint8(encoder, ref);
    encoding.writeVarUint(encoder, 1);
    encoding.writeVarString(encoder, "root");
    encoding.writeVarUint8Array(encoder, bytes);
  });
  return structs(item, 1);
}

/** One item with these values. */
function values(bytes: Uint8Array, count: number): Uint8Array {
  const item = encoding.encode((encoder) => {
    encoding.writeUint8(encoder, 8);
    encoding.writeVarUint(encoder, 1);
    encoding.writeVarString(encoder, "root");
    encoding.writeVarUint(encoder, count);
    encoding.writeUint8Array(encoder, bytes);
  });
  return structs(item, 1);
}

function deletes(deleteSet: Uint8Array): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, 0);
    encoding.writeUint8Array(encoder, deleteSet);
  });
}

/** As often as it fits. */
function repeat(piece: Uint8Array, bytes: number): Uint8Array {
  const whole = new Uint8Array(Math.floor(bytes / piece.length) * piece.length);
  for (let at = 0; at < whole.length; at += piece.length) whole.set(piece, at);
  return whole;
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
