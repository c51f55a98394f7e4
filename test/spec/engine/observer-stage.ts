import type { AwarenessEntry, JoineryError } from "@joinery/shared";
import * as Y from "yjs";
import type { ObservedRoom, RoomObserver } from "../../../server/src/engine/observer.ts";
import type { Session } from "../../../server/src/engine/session.ts";

/** Edits of somebody who is not there. */
export function typed(text: string): Uint8Array {
  return deltas(text)[0] as Uint8Array;
}

/** One update a text, each of which builds upon the one before it. */
export function deltas(...texts: readonly string[]): Uint8Array[] {
  const doc = new Y.Doc();
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  for (const text of texts) doc.getText("text").insert(doc.getText("text").length, text);
  return updates;
}

export function textOf(...updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc.getText("text").toString();
}

/** Writes down all that it is told, in words. */
export class Witness implements RoomObserver {
  readonly told: string[] = [];
  readonly rooms: ObservedRoom[] = [];

  get room(): ObservedRoom {
    return this.rooms.at(-1) as ObservedRoom;
  }

  loaded(room: ObservedRoom): null {
    this.rooms.push(room);
    this.told.push(`loaded ${room.seq}`);
    return null;
  }

  joined(_room: ObservedRoom, { author }: Session): void {
    this.told.push(`${author} joined`);
  }

  left(_room: ObservedRoom, { author }: Session): void {
    this.told.push(`${author} left`);
  }

  accepted(_room: ObservedRoom, { author }: Session, update: Uint8Array): void {
    this.told.push(`accepted of ${author}: ${textOf(update)}`);
  }

  announced(_room: ObservedRoom, { author }: Session, entries: readonly AwarenessEntry[]): void {
    const states = entries.map(({ state }) => (state ? new TextDecoder().decode(state) : "gone"));
    this.told.push(`announced by ${author}: ${states.join()}`);
  }

  appended(_room: ObservedRoom, { seq, parts }: { seq: number; parts: readonly { author: string }[] }): void {
    this.told.push(`appended ${seq} of ${parts.map(({ author }) => author).join("+")}`);
  }

  durable(_room: ObservedRoom, seq: number): void {
    this.told.push(`durable ${seq}`);
  }

  ended(_room: ObservedRoom, error: JoineryError | null): void {
    this.told.push(`ended ${error?.code ?? "idle"}`);
  }

  take(): string[] {
    return this.told.splice(0);
  }
}

export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
