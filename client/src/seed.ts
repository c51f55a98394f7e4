import * as Y from "yjs";
import type { DocumentHost } from "./document-host.ts";
import { EMPTY_UPDATE } from "./merge.ts";

/** What the application fills a new document with; nothing, and it is told, when its function throws. */
export async function makeSeed({ options, report }: DocumentHost): Promise<Uint8Array> {
  const scratch = new Y.Doc();
  try {
    await options.seed?.(scratch);
    return Y.encodeStateAsUpdate(scratch);
  } catch (thrown) {
    report(thrown);
    return EMPTY_UPDATE;
  }
}
