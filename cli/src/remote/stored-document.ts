/** A document as a server streams what is stored of it: a head, the snapshot, the log after it, and an end. */

import { type LogEntry, type LogPart, releaseAll, type Snapshot, type StoredDocument } from "@joinery/server";
import { JoineryError } from "@joinery/shared";
import { lost } from "./failures.ts";
import { Fields } from "./fields.ts";

/** Above this no Y.Doc is built anyway. */
const MAX_UPDATE_BYTES = 2 ** 31;
/** Worth a tenth of a second. */
const LARGE_BYTES = 8_000_000;

/** Reads the lines of `/documents/:document/stored`. Cost: memory for what is stored, and the longest line. */
export async function readStoredDocument(lines: AsyncIterable<unknown>): Promise<StoredDocument> {
  const reader = new StoredReader();
  for await (const line of lines) reader.take(new Fields(line, "what is stored of a document"));
  const stored = reader.end();
  // The lines that it came in are let go of before something is made of it.
  if (bytesOf(stored) >= LARGE_BYTES) releaseAll();
  return stored;
}

function bytesOf({ snapshot, tail }: StoredDocument): number {
  const ofTail = tail.flatMap(({ parts }) => parts).reduce((sum, { update }) => sum + update.length, 0);
  return ofTail + (snapshot?.update.length ?? 0);
}

/** An update whose bytes come in the lines that follow. */
class Pieces {
  readonly update: Uint8Array;
  #length = 0;

  constructor(bytes: number) {
    if (bytes > MAX_UPDATE_BYTES) throw broken(`an update has ${bytes} bytes`);
    this.update = new Uint8Array(bytes);
  }

  get isWhole(): boolean {
    return this.#length === this.update.length;
  }

  /** At once where they belong: there is more than one copy of them on the way as it is. */
  add(line: Fields): void {
    this.#length += line.writeBytes("data", this.update, this.#length);
    if (this.#length > this.update.length) throw broken("an update is longer than it was said to be");
  }
}

class StoredReader {
  #head: Fields | null = null;
  #snapshot: Snapshot | null = null;
  readonly #tail: LogEntry[] = [];
  /** Updates whose bytes did not come with their line, in the order in which they come. */
  #awaited: Pieces[] = [];
  #isEnded = false;

  take(line: Fields): void {
    if (line.has("data")) this.#takeData(line);
    else if (this.#awaited.length > 0) throw broken("bytes of an update are missing");
    else if (line.has("head")) this.#head = line.fields("head");
    else if (line.has("snapshot")) this.#snapshot = this.#snapshotOf(line.fields("snapshot"));
    else if (line.has("entry")) this.#tail.push(this.#entryOf(line.fields("entry")));
    else if (line.has("end")) this.#takeEnd(line.fields("end"));
    // Lines of other kinds are of later versions.
  }

  end(): StoredDocument {
    const head = this.#head;
    if (head === null || !this.#isEnded || this.#awaited.length > 0) throw broken("its end is missing");
    const damage = head.textOrNull("damage");
    return {
      // reason: the server checked them when it wrote them.
      lineage: head.text("lineage") as StoredDocument["lineage"],
      bornAt: head.number("bornAt"),
      snapshot: this.#snapshot,
      tail: this.#tail,
      branches: head.each("branches").map((branch) => ({
        seq: branch.whole("seq"),
        id: branch.text("id") as StoredDocument["branches"][number]["id"],
      })),
      damage: damage === null ? null : new JoineryError("DOCUMENT_DAMAGED", damage),
    };
  }

  #takeData(line: Fields): void {
    const [first] = this.#awaited;
    if (first === undefined) throw broken("there are bytes of no update");
    first.add(line);
    if (first.isWhole) this.#awaited.shift();
  }

  #takeEnd(end: Fields): void {
    if (end.whole("entries") !== this.#tail.length) throw broken("entries are missing");
    this.#isEnded = true;
  }

  #snapshotOf(snapshot: Fields): Snapshot {
    const update = this.#updateOf(snapshot);
    return { seq: snapshot.whole("seq"), time: snapshot.number("time"), update };
  }

  #entryOf(entry: Fields): LogEntry {
    const parts = entry.each("parts").map((part): LogPart => {
      return { author: part.text("author"), update: this.#updateOf(part) };
    });
    return { seq: entry.whole("seq"), time: entry.number("time"), parts };
  }

  #updateOf(of: Fields): Uint8Array {
    if (of.has("update")) return of.bytes("update");
    const pieces = new Pieces(of.whole("bytes"));
    if (!pieces.isWhole) this.#awaited.push(pieces);
    return pieces.update;
  }
}

function broken(why: string): JoineryError {
  return lost(`what the server sent of a document broke off: ${why}`);
}
