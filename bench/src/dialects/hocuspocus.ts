import * as decoding from "lib0/decoding";
import * as encoding from "lib0/encoding";
import { type Dialect, type Incoming, type Multiplexed, SKIMMED_NOTHING, type Wire } from "./dialect.ts";
import { AUTH, AWARENESS, readSync, SYNC, skimSync, syncFrames } from "./sync-messages.ts";

const SYNC_REPLY = 4;
const TOKEN = 0;
const PERMISSION_DENIED = 1;
/** What the published provider says it is; test/interop/bench-dialects.test.ts holds us to what it sends. */
const PROVIDER_VERSION = "4.8.0";

/**
 * Every frame starts with the document's name. A version 4 server answers nothing before it has an auth message,
 * also where no hook asks for one, so the client opens with an empty token.
 */
export const hocuspocus: Dialect = (document) => {
  const name = encoding.encode((encoder) => encoding.writeVarString(encoder, document));
  const { step1, nothing, arriving, update, presence } = syncFrames(name);
  const auth = encoding.encode((encoder) => {
    encoding.writeUint8Array(encoder, name);
    encoding.writeVarUint(encoder, AUTH);
    encoding.writeVarUint(encoder, TOKEN);
    encoding.writeVarString(encoder, "");
    encoding.writeVarString(encoder, PROVIDER_VERSION);
  });
  return {
    path: "/",
    opening: [auth, step1],
    nothing,
    arriving(copy) {
      const said = arriving(copy);
      return { opening: [auth, said.step1, said.presence], nothing: said.answer };
    },
    update,
    presence,
    read(frame) {
      const decoder = decoding.createDecoder(frame);
      // The name is the same in every frame of this connection: skip it without decoding it.
      decoder.pos = name.length;
      switch (decoding.readVarUint(decoder)) {
        case SYNC:
        case SYNC_REPLY:
          return readSync(decoder);
        case AWARENESS:
          return [{ kind: "presence", update: decoding.readVarUint8Array(decoder) }];
        case AUTH:
          return readAuth(decoder);
        default:
          return [];
      }
    },
    skim(head, bytes) {
      const decoder = decoding.createDecoder(head);
      decoder.pos = name.length;
      const kind = decoding.readVarUint(decoder);
      if (kind === SYNC || kind === SYNC_REPLY) return skimSync(decoder, bytes);
      const [refused] = kind === AUTH ? readAuth(decoder) : [];
      return refused?.kind === "refused" ? { ...SKIMMED_NOTHING, refusal: refused.reason } : SKIMMED_NOTHING;
    },
  };
};

/** All documents on one socket, told apart by the name that each frame starts with. */
export function hocuspocusMultiplexed(documents: readonly string[]): Multiplexed {
  const wires = documents.map(hocuspocus);
  const byName = new Map(documents.map((document, i) => [document, i]));
  return {
    path: "/",
    opening: [],
    open: (document) => (wires[document] as Wire).opening,
    nothing: (document) => (wires[document] as Wire).nothing,
    read(frame) {
      const name = decoding.readVarString(decoding.createDecoder(frame));
      const document = byName.get(name);
      if (document === undefined) throw new Error(`a frame is for "${name}", which was not opened`);
      const incoming = (wires[document] as Wire).read(frame);
      return incoming.map((one) => ({ document, incoming: one }));
    },
  };
}

function readAuth(decoder: decoding.Decoder): readonly Incoming[] {
  if (decoding.readVarUint(decoder) !== PERMISSION_DENIED) return [];
  return [{ kind: "refused", reason: decoding.readVarString(decoder) }];
}
