/**
 * What a request says of the state that its sender knows (RFC 9110, section 13): `If-Match`, for who writes upon it, and
 * `If-None-Match`, for who has it already.
 */

import type { IncomingHttpHeaders } from "node:http";
import { JoineryError } from "@joinery/shared";

/** One entity tag: what is in its quotes. */
interface Tag {
  readonly value: string;
  readonly isWeak: boolean;
}

/** `*` stands for whatever is there. */
type Tags = "*" | readonly Tag[];

const TAG = /^\s*(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*/;
/** A list may have elements with nothing in them (RFC 9110, section 5.6.1). */
const EMPTY = /^\s*(?:,\s*)+/;

export class Conditions {
  readonly #match: Tags | null;
  readonly #noneMatch: Tags | null;
  readonly #isReading: boolean;

  /** @throws JoineryError INVALID_OPTION (never) for what is no list of entity tags. */
  constructor(method: string, headers: IncomingHttpHeaders) {
    this.#match = tagsOf("If-Match", headers["if-match"]);
    this.#noneMatch = tagsOf("If-None-Match", headers["if-none-match"]);
    this.#isReading = method === "GET" || method === "HEAD";
  }

  /** Whether the request demands anything of the state; who writes then looks at it in the same step. */
  get areDemanding(): boolean {
    return this.#match !== null || (this.#noneMatch !== null && !this.#isReading);
  }

  /** One of which it has to be at, without their quotes; `any` for wherever it is; `null` where nothing is demanded. */
  get matching(): "any" | readonly string[] | null {
    if (this.#match === null) return null;
    if (this.#match === "*") return "any";
    return this.#match.filter(({ isWeak }) => !isWeak).map(({ value }) => value);
  }

  /**
   * Whether the client has already what it asks for.
   *
   * @param etag Of what is there, without its quotes.
   */
  isUnchanged(etag: string): boolean {
    return this.#isReading && this.#noneMatch !== null && holds(this.#noneMatch, etag, true);
  }

  /**
   * Holds what is there against what the request demands of it.
   *
   * @param etag Without its quotes; `null` where nothing is there.
   * @throws JoineryError REVISION_CHANGED (never).
   */
  demand(etag: string | null): void {
    const state = etag === null ? "nothing is there" : `it is at ${JSON.stringify(etag)}`;
    if (this.#match !== null && (etag === null || !holds(this.#match, etag, false))) {
      throw new JoineryError("REVISION_CHANGED", `If-Match does not hold: ${state}`);
    }
    if (this.#isReading || this.#noneMatch === null || etag === null) return;
    if (holds(this.#noneMatch, etag, true)) {
      throw new JoineryError("REVISION_CHANGED", `If-None-Match does not hold: ${state}`);
    }
  }
}

/** A weak tag says that something is as good as the same; nobody can write upon that. */
function holds(tags: Tags, etag: string, mayBeWeak: boolean): boolean {
  return tags === "*" || tags.some(({ value, isWeak }) => value === etag && (mayBeWeak || !isWeak));
}

function tagsOf(name: string, header: string | undefined): Tags | null {
  if (header === undefined) return null;
  if (header.trim() === "*") return "*";
  const tags: Tag[] = [];
  for (let rest = header.replace(EMPTY, ""); rest !== ""; ) {
    const [all, weak, value] = TAG.exec(rest) ?? [];
    const behind = all === undefined ? "" : rest.slice(all.length);
    if (all === undefined || value === undefined || (behind !== "" && !behind.startsWith(","))) {
      throw new JoineryError("INVALID_OPTION", `${name} is no list of entity tags, such as "a", "b"`);
    }
    tags.push({ value, isWeak: weak !== undefined });
    rest = behind.replace(EMPTY, "");
  }
  return tags;
}
