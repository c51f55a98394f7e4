/** The worker of {@link SecondFormat}: it converts one update after the other. */

import { parentPort } from "node:worker_threads";
import * as Y from "yjs";
import type { Converted } from "./second-format.ts";
import { reasonOf } from "./source.ts";

const port = parentPort;
if (port === null) throw new Error("this runs in a worker thread");

port.on("message", (update: Uint8Array) => port.postMessage(convert(update)));

function convert(update: Uint8Array): Converted {
  try {
    const left = bytesLeftOver(update);
    if (left > 0) return { kind: "failed", reason: `${left} bytes left over behind it` };
    return { kind: "converted", update: Y.convertUpdateFormatV2ToV1(update).slice() };
  } catch (error) {
    return { kind: "failed", reason: `it is not in Yjs' second format: ${reasonOf(error)}` };
  }
}

/** How much is behind an update: Yjs passes over it, be it another update. */
function bytesLeftOver(update: Uint8Array): number {
  const decoders: Y.UpdateDecoderV2[] = [];
  class Watched extends Y.UpdateDecoderV2 {
    constructor(...args: ConstructorParameters<typeof Y.UpdateDecoderV2>) {
      super(...args);
      decoders.push(this);
    }
  }
  Y.decodeUpdateV2(update, Watched);
  return decoders.reduce((sum, { restDecoder: { arr, pos } }) => sum + arr.length - pos, 0);
}
