import * as decoding from "lib0/decoding";
import type { Dialect } from "./dialect.ts";
import { AUTH, AWARENESS, readSync, SYNC, syncFrames } from "./sync-messages.ts";

/** The document's name is the URL's path; a frame is a message type and its payload. */
export const yWebsocket: Dialect = (document) => {
  const { step1, nothing, update, presence } = syncFrames(new Uint8Array());
  return {
    path: `/${encodeURIComponent(document)}`,
    opening: [step1],
    nothing,
    update,
    presence,
    read(frame) {
      const decoder = decoding.createDecoder(frame);
      switch (decoding.readVarUint(decoder)) {
        case SYNC:
          return readSync(decoder);
        case AWARENESS:
          return [{ kind: "presence", update: decoding.readVarUint8Array(decoder) }];
        case AUTH:
          decoding.readVarUint(decoder);
          return [{ kind: "refused", reason: decoding.readVarString(decoder) }];
        default:
          return [];
      }
    },
  };
};
