/**
 * A digest of what a document shows, with the ids of what shows it: equal for documents with the same content in the same
 * places, however they were cut into updates and structs, and however values were written. Of what is deleted nothing
 * is in it.
 */

import { createHash } from "node:crypto";
import * as encoding from "lib0/encoding";
import { ContentReader } from "./content-views.ts";
import { HashSink } from "./hash-sink.ts";
import type { PackedUpdates } from "./packed-updates.ts";
import { ContentRef } from "./struct-content.ts";
import type { TypeNumber } from "./struct-lists.ts";
import { type OrderedStructs, orderAny } from "./struct-order.ts";

/**
 * @throws OutOfOrder where they build upon something that is not there.
 * Cost: that of putting their structs in order, and a pass over what is shown.
 */
export function shownDigest(updates: PackedUpdates): string {
  return new Shown(orderAny(updates)).digest();
}

// What a list is made of.
const END = 0;
const RUN = 1;
const KEY = 2;
const ROOT = 3;

class Shown {
  readonly #ordered: OrderedStructs;
  readonly #reader: ContentReader;
  readonly #shape = createHash("sha256");
  readonly #content = createHash("sha256");
  readonly #shapes = new HashSink();
  readonly #contents = new HashSink();
  /** Types that are in what was added, and were not yet. */
  readonly #types: TypeNumber[] = [];
  /** Ticks that go on from one another are one run, however many structs they are in. */
  #client = -1;
  #end = 0;
  #ref = -1;

  constructor(ordered: OrderedStructs) {
    this.#ordered = ordered;
    this.#reader = new ContentReader(ordered);
  }

  digest(): string {
    const roots = [...this.#reader.roots()].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, root] of roots) {
      if (!this.#showsAnything(root)) continue;
      this.#numbers(ROOT);
      this.#text(name);
      this.#types.push(root);
      for (let type = this.#types.pop(); type !== undefined; type = this.#types.pop()) this.#addType(type);
    }
    this.#shapes.flush(this.#shape);
    this.#contents.flush(this.#content);
    return `${this.#shape.digest("base64url")} ${this.#content.digest("base64url")}`;
  }

  #showsAnything(type: TypeNumber): boolean {
    for (const _ of this.#reader.shown(type)) return true;
    for (const _ of this.#reader.keyed(type)) return true;
    return false;
  }

  #addType(type: TypeNumber): void {
    const { lists } = this.#ordered;
    for (const struct of this.#reader.shown(type)) this.#addStruct(struct);
    this.#endRun();
    const keyed = Int32Array.from(this.#reader.keyed(type)).sort((a, b) => lists.compareKeys(a, b));
    for (const list of keyed) {
      this.#numbers(KEY);
      this.#text(lists.keyOf(list));
      this.#addStruct(lists.tailOf(list));
      this.#endRun();
    }
    this.#numbers(END);
  }

  #addStruct(struct: number): void {
    const reader = this.#reader;
    const { client, clock } = reader.idOf(struct);
    const ref = reader.refOf(struct);
    if (client !== this.#client || clock !== this.#end || ref !== this.#ref) {
      this.#endRun();
      this.#numbers(RUN, client, clock, ref);
    }
    this.#client = client;
    this.#end = clock + reader.lengthOf(struct);
    this.#ref = ref;
    if (ref === ContentRef.TYPE) {
      const { ref: type, name } = reader.contents.typeOf(struct);
      this.#numbers(type);
      this.#text(name);
      this.#types.push(struct);
    } else this.#addContent(struct, ref);
  }

  #addContent(struct: number, ref: number): void {
    const { contents } = this.#reader;
    switch (ref) {
      case ContentRef.STRING:
        this.#contents.bytes(Buffer.from(contents.textOf(struct)), this.#content);
        break;
      case ContentRef.ANY:
      case ContentRef.JSON:
        for (const value of contents.valuesOf(struct)) this.#value(value);
        break;
      case ContentRef.BINARY: {
        const bytes = contents.bytesOf(struct);
        this.#numbers(bytes.length);
        this.#contents.bytes(bytes, this.#content);
        break;
      }
      case ContentRef.EMBED:
        this.#value(contents.embedOf(struct));
        break;
      case ContentRef.FORMAT: {
        const { name, value } = contents.formatOf(struct);
        this.#text(name);
        this.#value(value);
        break;
      }
      case ContentRef.SUBDOCUMENT: {
        const { guid, options } = contents.subdocumentOf(struct);
        this.#text(guid);
        this.#value(options);
      }
    }
  }

  /** Where a run ends is known when the next one begins. */
  #endRun(): void {
    if (this.#client >= 0) this.#numbers(END, this.#end);
    this.#client = -1;
  }

  #numbers(...numbers: readonly number[]): void {
    for (const number of numbers) this.#shapes.number(number, this.#shape);
  }

  #text(text: string): void {
    const bytes = Buffer.from(text);
    this.#numbers(bytes.length);
    this.#shapes.bytes(bytes, this.#shape);
  }

  #value(value: unknown): void {
    const encoder = encoding.createEncoder();
    encoding.writeAny(encoder, value as Parameters<typeof encoding.writeAny>[1]);
    this.#contents.bytes(encoding.toUint8Array(encoder), this.#content);
  }
}
