/**
 * Reads a folder of Yjs updates as files: what `Y.encodeStateAsUpdate`, `Y.encodeStateAsUpdateV2` or the `update`
 * events of a Y.Doc gave, one in each file. A file is a document; a folder in the folder is a document too, and the
 * files in it are its updates, in any order. The name of a document is that of its file or folder, without an
 * ending that says what it is, and with percent-encoding decoded, because a file's name can have no slash.
 */

import { inspectUpdate, NO_UPDATE_LIMITS } from "@joinery/shared";
import { countEntries, type Entry, entriesOf, readBounded } from "./folder.ts";
import {
  damagedInSource,
  type OpenSource,
  requireFits,
  type SourceDocument,
  type SourceOptions,
} from "./source.ts";

const ENDING = /(?:\.(?<version>v1|v2))?(?:\.(?:bin|yjs|ydoc|update))?$/;

type Convert = SourceOptions["convert"];

/** Opens a folder of update files. */
export const openUpdateFiles: OpenSource = async (place, { convert }) => ({
  count: await countEntries(place),
  damage: [],
  documents: () => documents(place, convert),
  close: () => Promise.resolve(),
});

async function* documents(place: string, convert: Convert): AsyncGenerator<SourceDocument> {
  for await (const entry of entriesOf(place)) {
    yield {
      name: nameOf(entry),
      read: (maxBytes) =>
        entry.isFolder ? readFolder(entry, maxBytes, convert) : readFileOf(entry, maxBytes, convert),
    };
  }
}

function nameOf({ name, isFolder }: Entry): string {
  const stem = isFolder ? name : name.replace(ENDING, "");
  try {
    return decodeURIComponent(stem);
  } catch {
    return stem; // Its percent sign is just one.
  }
}

async function readFolder({ path }: Entry, maxBytes: number, convert: Convert): Promise<Uint8Array[]> {
  const updates: Uint8Array[] = [];
  let bytes = 0;
  for await (const entry of entriesOf(path)) {
    if (entry.isFolder) throw damagedInSource(`it has a folder in it, ${JSON.stringify(entry.name)}`);
    const [update] = await readFileOf(entry, maxBytes - bytes, convert);
    bytes += update.length;
    requireFits(bytes, maxBytes);
    updates.push(update);
  }
  return updates;
}

async function readFileOf({ name, path }: Entry, maxBytes: number, convert: Convert): Promise<[Uint8Array]> {
  const bytes = await readBounded(path, maxBytes);
  const version = ENDING.exec(name)?.groups?.version;
  if (version === "v1" || (version === undefined && isFirstFormat(bytes))) return [bytes];
  return [await convert(bytes)];
}

/**
 * Tells the formats apart. The second one begins with a zero and the lengths of its columns; where the first one
 * begins with a zero it has no structs, and as such does not read to its end.
 */
function isFirstFormat(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0) return true;
  try {
    inspectUpdate(bytes, NO_UPDATE_LIMITS);
    return true;
  } catch {
    return false; // Whoever decodes the second format says what is wrong with it.
  }
}
