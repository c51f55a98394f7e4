import { Awareness } from "y-protocols/awareness";
import type * as Y from "yjs";
import { isRecord, type Person, readPerson } from "./person.ts";

/** A client's presence, fit to be shown. */
export interface Presence {
  readonly user: Person;
  /** Where its cursor is, as two relative positions in JSON; absent when it is nowhere in this text. */
  readonly cursor?: { readonly anchor: unknown; readonly head: unknown };
  /** What it does on the board, as it was sent: `readBoardPresence` makes something of it. */
  readonly board?: unknown;
}

/**
 * An awareness that never hands out what another client has sent as it is. y-codemirror.next puts a colour into
 * a style attribute, where it could load pictures from elsewhere or cover the page; and it resolves a cursor
 * without looking at it, where a malformed one throws and takes everybody's cursors down with it.
 *
 * What is sent on the wire is not touched.
 */
export class CheckedAwareness extends Awareness {
  readonly #textName: string;
  /** By what was announced: the states of all are asked for whenever one of them changes. */
  readonly #checked = new WeakMap<object, Presence>();

  /** @param textName The root name of the Y.Text in which cursors are shown. */
  constructor(doc: Y.Doc, textName: string) {
    super(doc);
    this.#textName = textName;
  }

  override getStates(): Map<number, Presence> {
    const checked = new Map<number, Presence>();
    for (const [clientId, state] of this.states as Map<number, unknown>) {
      checked.set(clientId, this.#presenceOf(state, clientId));
    }
    return checked;
  }

  #presenceOf(state: unknown, clientId: number): Presence {
    if (!isRecord(state)) return this.#check(state, clientId);
    const known = this.#checked.get(state) ?? this.#check(state, clientId);
    this.#checked.set(state, known);
    return known;
  }

  #check(state: unknown, clientId: number): Presence {
    const { user, cursor, board } = isRecord(state) ? state : {};
    const presence = { user: readPerson(user, clientId), board };
    if (!isRecord(cursor) || !this.#isPosition(cursor.anchor) || !this.#isPosition(cursor.head)) {
      return presence;
    }
    return { ...presence, cursor: { anchor: cursor.anchor, head: cursor.head } };
  }

  /** Whether it is a Yjs relative position at a character or an end of the text. */
  #isPosition(value: unknown): boolean {
    if (!isRecord(value)) return false;
    const { item, type, tname, assoc } = value;
    return (
      (item === null || isItemId(item)) &&
      (type === null || type === undefined) &&
      tname === this.#textName &&
      (assoc === undefined || Number.isSafeInteger(assoc))
    );
  }
}

function isItemId(value: unknown): boolean {
  return isRecord(value) && isClock(value.client) && isClock(value.clock);
}

function isClock(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
