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
    return { kind: "converted", update: Y.convertUpdateFormatV2ToV1(update).slice() };
  } catch (error) {
    return { kind: "failed", reason: `it is not in Yjs' second format: ${reasonOf(error)}` };
  }
}
