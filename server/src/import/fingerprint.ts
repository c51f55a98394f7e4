/**
 * What Yjs sees of a document, in a form in which equal documents are equal: it does not show how they were cut
 * into updates and structs, or what is left of deleted content. State vectors alone do not tell: two documents may
 * have the same and different text.
 */

import { createHash } from "node:crypto";
import * as encoding from "lib0/encoding";
import * as Y from "yjs";

/** Text of some length: equal for documents with the same content, in the same places and with the same history. */
export type Fingerprint = string;

/** What Yjs keeps in every shared type: a list, and of each key its last value. */
interface TypeContent {
  readonly _start: Y.Item | null;
  readonly _map: ReadonlyMap<string, Y.Item>;
}

// What follows in the encoding.
const END = 0;
const TEXT = 1;
const VALUE = 2;
const JSON_VALUE = 3;
const OTHER = 4;

/**
 * Builds the document of some updates as every client does.
 *
 * @param updates Yjs v1, inspected. What builds upon something missing does not count.
 * Cost: builds a Y.Doc, on this thread, and encodes what it shows.
 */
export function fingerprintOf(updates: readonly Uint8Array[]): Fingerprint {
  const doc = new Y.Doc({ guid: "" });
  // Observers of formatted texts write: they delete marks that have become idle.
  doc.on("beforeObserverCalls", ({ changed }: Y.Transaction) => changed.clear());
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update);
  });
  const hash = createHash("sha256");
  hash.update(Y.encodeSnapshot(Y.snapshot(doc)));
  hash.update(new Shown(doc).encode());
  doc.destroy();
  return hash.digest("base64url");
}

/** Encodes what a document shows: of every type the items that are not deleted, in order, with their ids. */
class Shown {
  readonly #doc: Y.Doc;
  readonly #encoder = encoding.createEncoder();
  readonly #types: TypeContent[] = [];
  /** Text that is typed on is one, however many items it is in. */
  #text = "";
  #textClient = 0;
  #textEnd = 0;

  constructor(doc: Y.Doc) {
    this.#doc = doc;
  }

  encode(): Uint8Array {
    for (const [name, root] of sorted(this.#doc.share)) {
      if (!showsAnything(root)) continue;
      encoding.writeVarString(this.#encoder, name);
      this.#types.push(root);
      // One root after the other, with all that is in it.
      for (let type = this.#types.pop(); type; type = this.#types.pop()) this.#addType(type);
    }
    return encoding.toUint8Array(this.#encoder);
  }

  #addType(type: TypeContent): void {
    for (let item = type._start; item !== null; item = item.right) this.#addItem(item);
    this.#endList();
    for (const [key, item] of sorted(type._map)) {
      if (item.deleted) continue;
      encoding.writeVarString(this.#encoder, key);
      this.#addItem(item);
      this.#endText();
    }
    this.#endList();
  }

  #addItem(item: Y.Item): void {
    if (item.deleted) return;
    const { content, id } = item;
    if (content instanceof Y.ContentString) this.#addText(id, content.str);
    else if (content instanceof Y.ContentAny) {
      this.#addEach(id, VALUE, content.arr, (value) => encoding.writeAny(this.#encoder, value));
    } else if (content instanceof Y.ContentJSON) {
      const write = (value: unknown) => encoding.writeVarString(this.#encoder, JSON.stringify(value) ?? "");
      this.#addEach(id, JSON_VALUE, content.arr, write);
    } else {
      this.#addEach(id, OTHER, [content], () => this.#addContent(content));
      if (content instanceof Y.ContentType) this.#types.push(content.type);
    }
  }

  #addText({ client, clock }: Y.ID, text: string): void {
    if (this.#text === "" || client !== this.#textClient || clock !== this.#textEnd) {
      this.#endText();
      this.#textClient = client;
      this.#textEnd = clock;
    }
    this.#text += text;
    this.#textEnd += text.length;
  }

  #addEach<T>({ client, clock }: Y.ID, kind: number, values: readonly T[], write: (value: T) => void): void {
    this.#endText();
    for (const [i, value] of values.entries()) {
      for (const number of [kind, client, clock + i]) encoding.writeVarUint(this.#encoder, number);
      write(value);
    }
  }

  /** Content of one tick, as Yjs writes it. */
  #addContent(content: Y.Item["content"]): void {
    const encoder = new Y.UpdateEncoderV1();
    content.write(encoder, 0);
    encoding.writeVarUint(this.#encoder, content.getRef());
    encoding.writeVarUint8Array(this.#encoder, encoder.toUint8Array());
  }

  #endText(): void {
    if (this.#text === "") return;
    const start = this.#textEnd - this.#text.length;
    for (const number of [TEXT, this.#textClient, start]) encoding.writeVarUint(this.#encoder, number);
    encoding.writeVarString(this.#encoder, this.#text);
    this.#text = "";
  }

  #endList(): void {
    this.#endText();
    encoding.writeVarUint(this.#encoder, END);
  }
}

function showsAnything(type: TypeContent): boolean {
  for (let item = type._start; item !== null; item = item.right) if (!item.deleted) return true;
  return [...type._map.values()].some(({ deleted }) => !deleted);
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
