/**
 * What people on the board see of each other before it is in the document: where they point, and what they are
 * drawing. It travels as the field `board` of the awareness, a few times a second; a line that somebody draws enters
 * the document once, when it is finished.
 */

import type { Awareness } from "y-protocols/awareness";
import { isRecord } from "../person.ts";
import { type BoardElement, type ElementDraft, readElement } from "./element.ts";
import type { Point } from "./geometry.ts";

/** Servers pass presence on at most 30 times a second, and eyes ask for less. */
const ANNOUNCE_EVERY_MS = 60;
/** Of the points of a line that is being drawn. Presence is small; what is longer shows when it is finished. */
const MAX_DRAFT_BYTES = 6 * 1024;
const MAX_DRAFT_CHARACTERS = Math.ceil(MAX_DRAFT_BYTES / 3) * 4;
const MAX_COORDINATE = 1_000_000;

/** Somebody at the board, fit to be shown. */
export interface BoardPresence {
  readonly pointer: Point | undefined;
  readonly draft: BoardElement | undefined;
}

const NOBODY: BoardPresence = { pointer: undefined, draft: undefined };

/** Reads the field `board` of whatever a client announced. */
export function readBoardPresence(value: unknown, clientId: number): BoardPresence {
  if (!isRecord(value)) return NOBODY;
  const { pointer, draft } = value;
  return { pointer: readPoint(pointer), draft: readDraft(draft, clientId) };
}

/** Announces where this person points and what they draw, always the newest, not each in between. */
export class BoardAnnouncer {
  readonly #awareness: Awareness;
  #pointer: Point | undefined;
  #draft: (() => ElementDraft) | undefined;
  #timer = 0;

  constructor(awareness: Awareness) {
    this.#awareness = awareness;
  }

  point(pointer: Point | undefined): void {
    this.#pointer = pointer;
    this.#announceSoon();
  }

  draw(draft: (() => ElementDraft) | undefined): void {
    this.#draft = draft;
    this.#announceSoon();
  }

  #announceSoon(): void {
    if (this.#timer !== 0) return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      this.#awareness.setLocalStateField("board", this.#fields());
    }, ANNOUNCE_EVERY_MS);
  }

  #fields(): unknown {
    const [pointer, draft] = [this.#pointer, this.#draft];
    if (pointer === undefined && draft === undefined) return null;
    return {
      ...(pointer && { pointer: [Math.round(pointer.x), Math.round(pointer.y)] }),
      ...(draft && { draft: writeDraft(draft()) }),
    };
  }
}

function writeDraft({ x, y, width, height, points, ...rest }: ElementDraft): unknown {
  return { ...rest, at: [x, y], size: [width, height], ...(points && { points: toBase64(points) }) };
}

function readDraft(value: unknown, clientId: number): BoardElement | undefined {
  if (!isRecord(value)) return undefined;
  return readElement(`draft-${clientId}`, (name) =>
    name === "points" ? fromBase64(value.points) : Object.hasOwn(value, name) ? value[name] : undefined,
  );
}

function readPoint(value: unknown): Point | undefined {
  if (!Array.isArray(value)) return undefined;
  const [x, y] = value as unknown[];
  return isCoordinate(x) && isCoordinate(y) ? { x, y } : undefined;
}

function isCoordinate(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= MAX_COORDINATE;
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes.subarray(0, MAX_DRAFT_BYTES)));
}

function fromBase64(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string" || value.length > MAX_DRAFT_CHARACTERS) return undefined;
  try {
    return Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
  } catch {
    // Not base64: then there is nothing to show.
    return undefined;
  }
}
