/**
 * Reads a folder of Yjs updates as files: what `Y.encodeStateAsUpdate`, `Y.encodeStateAsUpdateV2` or the `update`
 * events of a Y.Doc gave, one in each file. A file is a document; a folder in the folder is a document too, and the
 * files in it are its updates, in any order. The name of a document is that of its file or folder, without an
 * ending that says what it is, and with percent-encoding decoded, because a file's name can have no slash.
 */

import { inspectUpdate, NO_UPDATE_LIMITS } from "@joinery/shared";
import { type Entry, entriesOf, readBounded } from "./folder.ts";
import {
  damagedInSource,
  type OpenSource,
  reasonOf,
  requireFits,
  type SourceDocument,
  type SourceOptions,
} from "./source.ts";

const ENDING = /(?:\.(?<version>v1|v2))?(?:\.(?:bin|yjs|ydoc|update))?$/;

type Convert = SourceOptions["convert"];

/** Opens a folder of update files. */
export const openUpdateFiles: OpenSource = async (place, { convert }) => {
  const { count, twins } = await survey(place);
  return {
    count,
    damage: [],
    documents: () => documents(place, twins, convert),
    close: () => Promise.resolve(),
  };
};

interface Survey {
  readonly count: number;
  /** Names that several entries have. */
  readonly twins: ReadonlySet<string>;
}

/** Looks at all names. Which of several entries with one name is the document, only people know. */
async function survey(place: string): Promise<Survey> {
  const names = new Set<string>();
  const twins = new Set<string>();
  let count = 0;
  for await (const entry of entriesOf(place)) {
    const name = nameOf(entry);
    if (names.has(name)) twins.add(name);
    names.add(name);
    count++;
  }
  return { count, twins };
}

async function* documents(
  place: string,
  twins: ReadonlySet<string>,
  convert: Convert,
): AsyncGenerator<SourceDocument> {
  for await (const entry of entriesOf(place)) {
    const name = nameOf(entry);
    yield {
      name,
      read: async (maxBytes) => {
        if (twins.has(name)) throw isTwin(entry);
        return entry.isFolder ? readFolder(entry, maxBytes, convert) : readFileOf(entry, maxBytes, convert);
      },
    };
  }
}

function isTwin({ name }: Entry): Error {
  const which = `${JSON.stringify(name)} is not the only one that gives this name`;
  return damagedInSource(`${which}; put updates of one document into a folder`);
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
  for await (const entry of filesIn(path)) {
    if (entry.isFolder) throw damagedInSource(`it has a folder in it, ${JSON.stringify(entry.name)}`);
    const [update] = await readFileOf(entry, maxBytes - bytes, convert);
    bytes += update.length;
    requireFits(bytes, maxBytes);
    updates.push(update);
  }
  return updates;
}

/** A folder of one document that cannot be read is no reason to give up the others. */
async function* filesIn(path: string): AsyncGenerator<Entry> {
  try {
    yield* entriesOf(path);
  } catch (error) {
    throw damagedInSource(reasonOf(error), error);
  }
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
