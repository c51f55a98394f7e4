import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import type { Dialect } from "./dialect.ts";

/** Messages from the server: what it has stored, and how many of this client's updates are on disk. */
export const STORED = 0;
export const END = 1;
const DURABLE = 2;

/** The least that a client needs to know what is kept: an update a message, and a count of those that are on disk. */
export const onePut: Dialect = (document) => ({
  path: `/${encodeURIComponent(document)}`,
  // An empty message asks for what is stored.
  opening: [new Uint8Array()],
  nothing: new Uint8Array(),
  update: (update) => update,
  presence: notHere,
  arriving: notHere,
  skim: notHere,
  read(message) {
    const decoder = decoding.createDecoder(message);
    switch (decoding.readVarUint(decoder)) {
      case STORED:
        return [{ kind: "catch-up", update: decoding.readTailAsUint8Array(decoder) }];
      case END:
        return [{ kind: "joined" }];
      case DURABLE:
        return [{ kind: "durable", upTo: decoding.readVarUint(decoder) }];
      default:
        throw new Error("a message that is not in this dialect");
    }
  },
});

function notHere(): never {
  throw new Error("there is no such thing in this dialect");
}

/** @param upTo How many updates of the client are on disk. */
export function durableMessage(upTo: number): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, DURABLE);
    encoding.writeVarUint(encoder, upTo);
  });
}
