/**
 * Who was banned and what was revoked, in a file of the data folder: rarely written, small, and needed before anybody
 * is let in. Laid out in docs/formats.md.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { JoineryError } from "@joinery/shared";
import type { Ban } from "../access/access-api.ts";
import type { AccessRecords, AccessStore, Revocation } from "../access/access-store.ts";
import { replaceFile } from "../storage/durable-file.ts";

const FILE = "access.json";
const FORMAT = 1;
/** The last moment that a date can be, in milliseconds since 1970. */
const END_OF_TIME = 8.64e15;

export class AccessFile implements AccessStore {
  readonly #path: string;

  /** @param folder The data folder, which has to be there when something is saved. */
  constructor(folder: string) {
    this.#path = join(folder, FILE);
  }

  async load(): Promise<AccessRecords | null> {
    let text: string;
    try {
      text = await readFile(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw this.#unusable("cannot be read", error);
    }
    // To let in whom a file that cannot be read keeps out is worse than not to start.
    try {
      return recordsOf(JSON.parse(text));
    } catch (error) {
      throw this.#unusable("is not as it was written", error);
    }
  }

  async save({ bans, revocations }: AccessRecords): Promise<void> {
    try {
      await replaceFile(this.#path, `${JSON.stringify({ format: FORMAT, bans, revocations })}\n`);
    } catch (cause) {
      throw new JoineryError("STORAGE_UNAVAILABLE", `${this.#path} cannot be written`, { cause });
    }
  }

  #unusable(why: string, cause: unknown): JoineryError {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const message = `${this.#path} ${why}: ${detail}. It says who was banned and which tokens were revoked; restore it, or remove it to let them in again`;
    return new JoineryError("DATA_FOLDER_UNUSABLE", message, { cause });
  }
}

type Fields = Readonly<Record<string, unknown>>;

function recordsOf(value: unknown): AccessRecords {
  const { format, bans, revocations } = fieldsOf(value);
  if (format !== FORMAT) throw new TypeError(`it is of format ${String(format)}, not ${FORMAT}`);
  if (!Array.isArray(bans) || !Array.isArray(revocations)) throw new TypeError("a list is missing");
  return { bans: bans.map(banOf), revocations: revocations.map(revocationOf) };
}

function banOf(value: unknown): Ban {
  const fields = fieldsOf(value);
  const { until } = fields;
  const about = optionalTexts(fields, ["user", "address", "document"]);
  if (about.user === undefined && about.address === undefined) throw new TypeError("a ban names nobody");
  return {
    id: textOf(fields, "id"),
    ...about,
    reason: textOf(fields, "reason"),
    since: momentOf(fields, "since"),
    until: until === null ? null : momentOf(fields, "until"),
  };
}

function revocationOf(value: unknown): Revocation {
  const fields = fieldsOf(value);
  const about = optionalTexts(fields, ["token", "user", "document"]);
  if (Object.keys(about).length === 0) throw new TypeError("a revocation is of nothing");
  return {
    ...about,
    at: momentOf(fields, "at"),
    until: momentOf(fields, "until"),
  };
}

function fieldsOf(value: unknown): Fields {
  if (typeof value === "object" && value !== null) return value as Fields;
  throw new TypeError("an object is missing");
}

/** The reason of a ban alone may be empty. */
function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === "string" && (value !== "" || name === "reason")) return value;
  throw new TypeError(`"${name}" is no text, or empty`);
}

/** In milliseconds since 1970: whoever is banned is told until when, as a date. */
function momentOf(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === "number" && value >= 0 && value <= END_OF_TIME) return value;
  throw new TypeError(`"${name}" is no moment`);
}

function optionalTexts<Name extends string>(
  fields: Fields,
  names: readonly Name[],
): { [name in Name]?: string } {
  const there = names.filter((name) => fields[name] !== undefined);
  // reason: only names that were asked for are in it.
  return Object.fromEntries(there.map((name) => [name, textOf(fields, name)])) as { [name in Name]?: string };
}
