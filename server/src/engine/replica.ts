import { JoineryError } from "@joinery/shared";
import * as encoding from "lib0/encoding";
import * as Y from "yjs";
import { ApplyGuard } from "./apply-guard.ts";

/** No client has this id: Yjs complains on the console of a document that is sent edits under its own. */
const NOBODY = -1;

/** What Yjs keeps in every shared type: a list, and of each key its last value, before which the older ones stand. */
interface TypeContent {
  readonly _start: Y.Item | null;
  readonly _map: ReadonlyMap<string, Y.Item>;
}

/** How much there is of what costs time and memory. */
export interface ReplicaSize {
  readonly structs: number;
  readonly clients: number;
  /** Estimated memory, without the contents' own bytes. */
  readonly memoryBytes: number;
}

// What Yjs objects take in V8, in bytes: measured, on documents that consist of nothing else.
const STRUCT_BYTES = 230;
const TYPE_BYTES = 400;
const SUBDOCUMENT_BYTES = 2100;
const ROOT_BYTES = 650;
const CLIENT_BYTES = 250;

/**
 * A Y.Doc built from a document's bytes, for what cannot be told from bytes alone. It takes about twelve times
 * their memory, and its time is in the hands of who made them: build it where neither hurts.
 *
 * What was deleted is collected, as clients do. Subdocuments are there as references and never load.
 */
export class Replica {
  readonly #doc = new Y.Doc({ guid: "" });
  readonly #guard = new ApplyGuard(this.#doc);

  constructor() {
    this.#doc.clientID = NOBODY;
    // Observers cost time, and those of formatted texts write: they delete marks that have become idle, in a
    // transaction that would be nobody's and in no log.
    this.#doc.on("beforeObserverCalls", ({ changed }: Y.Transaction) => changed.clear());
  }

  /**
   * Integrates updates, in order.
   *
   * @param onEach Called after each of them.
   * @throws JoineryError REPLICA_FAILED (backoff), naming what went wrong; the replica must be thrown away.
   */
  apply(updates: readonly Uint8Array[], onEach?: () => void): void {
    this.#guard.apply(updates, onEach);
  }

  /**
   * The whole document as one Yjs v1 update, without what was deleted.
   *
   * @throws JoineryError REPLICA_FAILED (backoff) when Yjs cannot encode it.
   */
  encode(): Uint8Array {
    try {
      return Y.encodeStateAsUpdate(this.#doc);
    } catch (cause) {
      throw new JoineryError("REPLICA_FAILED", `Yjs cannot encode it: ${String(cause)}`, { cause });
    }
  }

  /**
   * Where everything stands: for every type its list, and the values of each key, as ids in order. Two replicas
   * with the same encoding and the same layout are the same document; the same state vector does not say so.
   *
   * Cost: linear in structs.
   */
  layout(): Uint8Array {
    const encoder = encoding.createEncoder();
    const types: TypeContent[] = [];
    for (const [name, root] of sorted(this.#doc.share)) {
      // A root that was only named leaves no trace in the bytes.
      if (root._start === null && root._map.size === 0) continue;
      encoding.writeVarString(encoder, name);
      types.push(root);
    }
    for (let type = types.pop(); type; type = types.pop()) {
      writeList(encoder, type._start, (item) => item.right, types);
      encoding.writeVarUint(encoder, type._map.size);
      for (const [key, item] of sorted(type._map)) {
        encoding.writeVarString(encoder, key);
        writeList(encoder, item, ({ left }) => left, types);
      }
    }
    return encoding.toUint8Array(encoder);
  }

  /** Cost: linear in structs. */
  size(): ReplicaSize {
    const { clients } = this.#doc.store;
    let structs = 0;
    let memoryBytes = this.#doc.share.size * ROOT_BYTES + clients.size * CLIENT_BYTES;
    for (const ofClient of clients.values()) {
      structs += ofClient.length;
      for (const struct of ofClient) memoryBytes += bytesBeyondStruct(struct);
    }
    return { structs, clients: clients.size, memoryBytes: memoryBytes + structs * STRUCT_BYTES };
  }
}

function bytesBeyondStruct(struct: Y.Item | Y.GC): number {
  if (struct instanceof Y.GC) return 0;
  if (struct.content instanceof Y.ContentType) return TYPE_BYTES;
  return struct.content instanceof Y.ContentDoc ? SUBDOCUMENT_BYTES : 0;
}

/**
 * Writes the ids of a list as ranges, and that it ends: how Yjs has cut it into items says nothing. Types in it are
 * added to `types`.
 */
function writeList(
  encoder: encoding.Encoder,
  first: Y.Item | null,
  next: (item: Y.Item) => Y.Item | null,
  types: TypeContent[],
): void {
  let client = NOBODY;
  let end = 0;
  for (let item = first; item !== null; item = next(item)) {
    if (!item.deleted && item.content instanceof Y.ContentType) types.push(item.content.type);
    const { id, length } = item;
    if (id.client !== client || id.clock !== end) {
      encoding.writeVarUint(encoder, end);
      encoding.writeVarUint(encoder, id.client + 1);
      encoding.writeVarUint(encoder, id.clock);
    }
    client = id.client;
    end = id.clock + length;
  }
  encoding.writeVarUint(encoder, end);
  encoding.writeVarUint(encoder, 0);
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
