import { JoineryError } from "@joinery/shared";
import { openHocuspocusSqlite } from "./hocuspocus-sqlite.ts";
import type { OpenSource } from "./source.ts";
import { openUpdateFiles } from "./update-files.ts";
import { openYLeveldb } from "./y-leveldb.ts";
import { openYSweet } from "./y-sweet.ts";

/** What can be imported from. */
const SOURCES = {
  "y-leveldb": { open: openYLeveldb, what: "y-leveldb folder" },
  "hocuspocus-sqlite": { open: openHocuspocusSqlite, what: "Hocuspocus SQLite file" },
  updates: { open: openUpdateFiles, what: "folder of update files" },
  "y-sweet": { open: openYSweet, what: "Y-Sweet file store" },
} as const satisfies Record<string, { readonly open: OpenSource; readonly what: string }>;

export type SourceKind = keyof typeof SOURCES;

/** All kinds of sources. */
export const SOURCE_KINDS = Object.keys(SOURCES) as readonly SourceKind[];

/** A source that was named, and not opened yet. */
export interface NamedSource {
  readonly kind: SourceKind;
  /** A folder, or a file. */
  readonly place: string;
  /** What it is, for people. */
  readonly what: string;
  readonly open: OpenSource;
}

/**
 * Reads `kind:place`.
 *
 * @throws JoineryError INVALID_OPTION (never) when it is not of that form, or there is no such kind.
 */
export function parseSource(text: string): NamedSource {
  const [kind, place] = [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)];
  if (!text.includes(":") || place === "" || !isKind(kind)) {
    const forms = SOURCE_KINDS.map((it) => `${it}:<${it === "hocuspocus-sqlite" ? "file" : "folder"}>`).join(
      ", ",
    );
    throw new JoineryError("INVALID_OPTION", `--from is ${JSON.stringify(text)}, it must be one of ${forms}`);
  }
  return { kind, place, ...SOURCES[kind] };
}

function isKind(text: string): text is SourceKind {
  return Object.hasOwn(SOURCES, text);
}
