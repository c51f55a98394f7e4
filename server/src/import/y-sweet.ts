/**
 * Reads Y-Sweet's file store: `<folder>/<document>/data.ysweet`. Each such file is a map from bytes to bytes as
 * Rust's bincode 1 writes it (how many, then each key and value behind its length; counts and lengths take eight
 * bytes, little-endian), with the keys of yrs-kvstore: `00 00 "doc" 00` gives four bytes that stand for the
 * document, with which `00 01 id 00` is its state and `00 01 id 02 clock 00` are the updates that came after it,
 * all Yjs v1.
 */

import { equalBytes } from "@joinery/shared";
import { encodeUtf8 } from "lib0/string";
import { countEntries, entriesOf, exists, readBounded } from "./folder.ts";
import { damagedInSource, type OpenSource, requireFits, type SourceDocument } from "./source.ts";

const FILE = "data.ysweet";

const VERSION = 0;
const ID_SPACE = 0;
const DOCUMENT_SPACE = 1;
const STATE = 0;
const STATE_VECTOR = 1;
const UPDATE = 2;
const META = 3;
const END = 0;
const ID_BYTES = 4;
const CLOCK_BYTES = 4;
const LENGTH_BYTES = 8;

/** Where the id is: a file has one document, and calls it so. */
const ID_KEY = Uint8Array.of(VERSION, ID_SPACE, ...encodeUtf8("doc"), END);

/** What a file may have beside its updates: keys, lengths, a state vector. */
const OVERHEAD_BYTES = 1024 * 1024;

/** Opens the folder that `y-sweet serve` was given. */
export const openYSweet: OpenSource = async (place) => ({
  count: await countEntries(place),
  damage: [],
  documents: () => documents(place),
  close: () => Promise.resolve(),
});

async function* documents(place: string): AsyncGenerator<SourceDocument> {
  for await (const { name, path, isFolder } of entriesOf(place)) {
    const file = `${path}/${FILE}`;
    if (isFolder && (await exists(file))) yield { name, read: (maxBytes) => readStore(file, maxBytes) };
  }
}

async function readStore(file: string, maxBytes: number): Promise<Uint8Array[]> {
  const records = [...decodeMap(await readBounded(file, maxBytes + OVERHEAD_BYTES))];
  const id = records.find(({ key }) => equalBytes(key, ID_KEY))?.value;
  // A document that was created and never written to.
  if (id === undefined && records.length === 0) return [];
  if (id?.length !== ID_BYTES) throw damagedInSource(`${FILE} does not say where its document is`);
  const updates = records.filter(({ key }) => holdsUpdate(key, id)).map(({ value }) => value);
  requireFits(
    updates.reduce((sum, { length }) => sum + length, 0),
    maxBytes,
  );
  return updates;
}

function holdsUpdate(key: Uint8Array, id: Uint8Array): boolean {
  if (key[0] !== VERSION || key[1] !== DOCUMENT_SPACE) return false;
  const prefix = Uint8Array.of(VERSION, DOCUMENT_SPACE, ...id);
  const rest = key.subarray(prefix.length);
  const [kind] = rest;
  const isOfDocument = equalBytes(key.subarray(0, prefix.length), prefix);
  if (isOfDocument && (kind === STATE_VECTOR || kind === META)) return false;
  if (isOfDocument && rest.length === 1 && kind === STATE) return true;
  const isUpdate = rest.length === 1 + CLOCK_BYTES + 1 && kind === UPDATE && rest[1 + CLOCK_BYTES] === END;
  if (isOfDocument && isUpdate) return true;
  // It may be what somebody wrote, under a key that is not as it was.
  throw damagedInSource(
    `${FILE} has the key ${Buffer.from(key).toString("hex")}, which is none of yrs-kvstore's`,
  );
}

interface StoreRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

function* decodeMap(bytes: Uint8Array): Generator<StoreRecord> {
  const reader = new BincodeReader(bytes);
  for (let left = reader.length(2 * LENGTH_BYTES); left > 0; left--) {
    yield { key: reader.bytes(), value: reader.bytes() };
  }
  reader.end();
}

class BincodeReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** A number of things of at least so many bytes each, all of which must still be there. */
  length(minBytes: number): number {
    const left = this.#bytes.length - this.#position - LENGTH_BYTES;
    if (left < 0) this.#fail("ends too early");
    const length = this.#view.getBigUint64(this.#position, true);
    if (length * BigInt(minBytes) > BigInt(left)) this.#fail("says more than it has");
    this.#position += LENGTH_BYTES;
    return Number(length);
  }

  bytes(): Uint8Array {
    const length = this.length(1);
    const start = this.#position;
    this.#position += length;
    return this.#bytes.subarray(start, this.#position);
  }

  end(): void {
    if (this.#position !== this.#bytes.length) this.#fail("goes on behind its end");
  }

  #fail(what: string): never {
    throw damagedInSource(`${FILE} ${what} at byte ${this.#position}`);
  }
}
