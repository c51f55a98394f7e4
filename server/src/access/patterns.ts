/**
 * Patterns of document names, and what may be done with the documents that they name. A name is a path: parts with
 * slashes between them. In a pattern `*` stands for any text within one part, also none (`notes/draft-*`), and `**`,
 * which is a part of its own, for any number of parts, also none: `a/**` + `/b` matches `a/b` and `a/x/y/b`. At the end
 * it stands for one part at least, so that `public/**` is all that is in `public`, but not `public` itself. All else is
 * literal. The empty name stands for the server as a whole: allowed with it is what `**` allows, and every other pattern too.
 *
 * Of several patterns that match, the most specific holds, see {@link compareRank}. Patterns may come from a token, so
 * nothing here is compiled into somebody else's engine: matching goes back to the last star only, which makes it the
 * product of the two lengths at the worst.
 */

import { JoineryError } from "@joinery/shared";
import { isRightsSpec, Rights, type RightsSpec } from "../engine/rights.ts";

/** Patterns, and what may be done with the documents that they match: `{ "notes/*": "write", "public/**": "read" }`. */
export type DocumentRights = Readonly<Record<string, RightsSpec>>;

const MAX_PATTERNS = 200;
const MAX_PATTERN_BYTES = 512;

const ANY_PARTS = "**";

interface Pattern {
  /** For messages to whoever wrote it. */
  readonly text: string;
  readonly parts: readonly string[];
  readonly rank: Rank;
  readonly rights: Rights;
}

/** How specific a pattern is. */
interface Rank {
  /** Characters before the first star. */
  readonly prefix: number;
  /** Characters that are no stars. */
  readonly literal: number;
  readonly doubleStars: number;
  readonly stars: number;
}

/** Rights by document. Immutable. */
export class DocumentPatterns {
  /** Matches nothing. */
  static readonly NONE = new DocumentPatterns([]);
  /** The most specific first. */
  readonly #patterns: readonly Pattern[];

  private constructor(patterns: readonly Pattern[]) {
    this.#patterns = patterns.toSorted((a, b) => compareRank(a.rank, b.rank));
  }

  /**
   * Checks what came from a token or from options.
   *
   * @param value Rights for all documents, or an object of patterns and rights: at most 200 of at most
   * 512 bytes of UTF-8 each. They are normalised to NFC, as names are.
   * @throws JoineryError INVALID_OPTION (never retry), saying what is wrong as the end of a sentence.
   */
  static parse(value: unknown): DocumentPatterns {
    if (isRightsSpec(value)) return new DocumentPatterns([parsePattern(ANY_PARTS, value)]);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw refused(
        'must be "none", "read", "write", "manage", a list of actions, or an object of patterns and such rights',
      );
    }
    const entries: [string, unknown][] = Object.entries(value);
    if (entries.length > MAX_PATTERNS) throw refused(`has more than ${MAX_PATTERNS} patterns`);
    return new DocumentPatterns(entries.map(([text, spec]) => parsePattern(text, spec)));
  }

  /** Whether no document may be read, whatever it is called. */
  get isNothing(): boolean {
    return this.#patterns.every(({ rights }) => rights.isNone);
  }

  /** Each pattern as it was understood, with its rights; the most specific first. */
  get entries(): readonly { readonly pattern: string; readonly rights: Rights }[] {
    return this.#patterns.map(({ text, rights }) => ({ pattern: text, rights }));
  }

  /**
   * What the most specific pattern that matches says, of equals the stricter; none if nothing matches.
   *
   * @param name In NFC; empty for the server as a whole.
   * Cost: at the worst the product of the lengths of the name and of all patterns.
   */
  rightsFor(name: string): Rights {
    const parts = name.split("/");
    if (name === "") return this.#rightsOnAll();
    let found: Pattern | null = null;
    let rights = Rights.NONE;
    for (const pattern of this.#patterns) {
      if (found !== null && compareRank(found.rank, pattern.rank) !== 0) break;
      if (!matches(pattern, parts)) continue;
      rights = found === null ? pattern.rights : rights.and(pattern.rights);
      found = pattern;
    }
    return rights;
  }

  /** What is allowed with every document, whatever it is called: where nothing is said of all, nothing. */
  #rightsOnAll(): Rights {
    const isOfAll = ({ parts }: Pattern) => parts.length === 1 && parts[0] === ANY_PARTS;
    if (!this.#patterns.some(isOfAll)) return Rights.NONE;
    return this.#patterns.reduce((all, { rights }) => all.and(rights), Rights.MANAGER);
  }
}

function parsePattern(text: string, spec: unknown): Pattern {
  if (text === "") throw refused("has an empty pattern");
  if (text.length > MAX_PATTERN_BYTES || Buffer.byteLength(text) > MAX_PATTERN_BYTES) {
    throw refused(`has a pattern that is longer than ${MAX_PATTERN_BYTES} bytes`);
  }
  if (!text.isWellFormed()) throw refused("has a pattern that is not valid Unicode");
  const parts = text.normalize("NFC").split("/");
  if (parts.some((part) => part !== ANY_PARTS && part.includes(ANY_PARTS))) {
    throw refused('has a pattern with "**" next to something else: it has to be a part of its own');
  }
  if (!isRightsSpec(spec)) {
    throw refused(
      'has a pattern with a value other than "none", "read", "write", "manage" or a list of actions',
    );
  }
  const distinct = parts.filter((part, i) => part !== ANY_PARTS || parts[i - 1] !== ANY_PARTS);
  const canonical = distinct.join("/");
  return {
    text: canonical,
    parts: withOneAtEnd(distinct),
    rank: rankOf(canonical, distinct),
    rights: Rights.from(spec),
  };
}

/** What stands for some parts at the end stands for one of them at least. */
function withOneAtEnd(parts: readonly string[]): readonly string[] {
  return parts.length > 1 && parts.at(-1) === ANY_PARTS ? parts.toSpliced(-1, 0, "*") : parts;
}

function rankOf(text: string, parts: readonly string[]): Rank {
  const firstStar = text.indexOf("*");
  const literal = text.replaceAll("*", "").length;
  const doubleStars = parts.filter((part) => part === ANY_PARTS).length;
  const stars = text.length - literal - 2 * doubleStars;
  return { prefix: firstStar < 0 ? text.length : firstStar, literal, doubleStars, stars };
}

/**
 * Which is more specific: what has more text before the first star; then what has more text; then what has fewer `**`,
 * and fewer `*`. So `drafts/secret` comes before `drafts/*`, that before `drafts/**`, and that before `**`.
 *
 * @returns Negative for `a`, positive for `b`, 0 for equals.
 */
function compareRank(a: Rank, b: Rank): number {
  return b.prefix - a.prefix || b.literal - a.literal || a.doubleStars - b.doubleStars || a.stars - b.stars;
}

function matches({ parts: pattern }: Pattern, parts: readonly string[]): boolean {
  return matchSequence(pattern, parts, ANY_PARTS, matchPart);
}

function matchPart(pattern: string, part: string): boolean {
  if (!pattern.includes("*")) return pattern === part;
  return matchSequence(pattern, part, "*", (a, b) => a === b);
}

/**
 * Whether items fit a sequence in which a wildcard stands for any number of them. To go back to the last wildcard is
 * enough: what an earlier one could take, the last one can take too.
 */
function matchSequence(
  pattern: ArrayLike<string>,
  items: ArrayLike<string>,
  wildcard: string,
  fits: (pattern: string, item: string) => boolean,
): boolean {
  let at = 0;
  let item = 0;
  let wildcardAt = -1;
  let taken = 0;
  while (item < items.length) {
    if (pattern[at] === wildcard) {
      wildcardAt = at++;
      taken = item;
    } else if (at < pattern.length && fits(pattern[at] as string, items[item] as string)) {
      at++;
      item++;
    } else if (wildcardAt >= 0) {
      at = wildcardAt + 1;
      item = ++taken;
    } else {
      return false;
    }
  }
  while (pattern[at] === wildcard) at++;
  return at === pattern.length;
}

function refused(what: string): JoineryError {
  return new JoineryError("INVALID_OPTION", what);
}
