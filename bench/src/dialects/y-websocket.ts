import * as decoding from "lib0/decoding";
import { type Dialect, SKIMMED_NOTHING } from "./dialect.ts";
import { AUTH, AWARENESS, readSync, SYNC, skimSync, syncFrames } from "./sync-messages.ts";

/** The document's name is the URL's path; a frame is a message type and its payload. */
export const yWebsocket: Dialect = (document) => {
  const { step1, nothing, arriving, update, presence } = syncFrames(new Uint8Array());
  return {
    path: `/${encodeURIComponent(document)}`,
    opening: [step1],
    nothing,
    arriving(copy) {
      const said = arriving(copy);
      return { opening: [said.step1, said.presence], nothing: said.answer };
    },
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
    skim(head, bytes) {
      const decoder = decoding.createDecoder(head);
      const kind = decoding.readVarUint(decoder);
      if (kind === SYNC) return skimSync(decoder, bytes);
      return kind === AUTH ? { ...SKIMMED_NOTHING, refusal: "it may not write" } : SKIMMED_NOTHING;
    },
  };
};
