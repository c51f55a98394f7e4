/** A document that somebody follows: what is the same for all who do is made once, and let go with the last of them. */

import type { Limits } from "@joinery/shared";
import type { PresenceUpdate } from "../engine/presence.ts";
import type { Room } from "../engine/room.ts";
import type { DocumentSource } from "../inspect/source.ts";
import type { LiveEvent } from "./live-api.ts";
import { Batches } from "./live-batches.ts";
import type { Note } from "./live-dialect.ts";
import type { WhereItIs } from "./live-place.ts";
import { PresenceChanges, presentIn } from "./live-presence.ts";
import type { ReadWorker } from "./reading.ts";

export interface LiveDocumentOptions {
  readonly log: Pick<DocumentSource, "log">;
  readonly worker: Pick<ReadWorker, "summarize">;
  readonly limits: Limits;
  readonly encode: (event: LiveEvent) => Uint8Array;
}

export class LiveDocument {
  readonly #options: LiveDocumentOptions;
  readonly #room: Room;
  readonly #batches = new Map<boolean, Batches>();
  readonly #changes: PresenceChanges;
  /** What was told last; all who follow are told it one after the other. */
  #told: { readonly note: Note; readonly event: Uint8Array | null } | null = null;
  #everybody: { readonly of: PresenceUpdate | null; readonly event: Uint8Array } | null = null;

  /** @param room It is loaded. */
  constructor(room: Room, options: LiveDocumentOptions) {
    this.#options = options;
    this.#room = room;
    const here = presentIn(room.encodePresence({ withDeparted: false }), options.limits);
    this.#changes = new PresenceChanges(
      here.map(({ clientId }) => clientId),
      options.limits,
    );
  }

  get whereItIs(): WhereItIs {
    const room = this.#room;
    const seq = room.durableSeq;
    return {
      durable: { lineage: room.lineage, branch: room.branchAt(seq), seq },
      branchAt: (at) => room.branchAt(at),
    };
  }

  /** The log as it is told with what was written, or without it. */
  batches(hasUpdates: boolean): Batches {
    const known = this.#batches.get(hasUpdates);
    if (known) return known;
    const room = this.#room;
    const { log, worker, encode } = this.#options;
    const { document, lineage } = room;
    const branchAt = (seq: number) => room.branchAt(seq);
    const batches = new Batches({ document, lineage, hasUpdates, log, worker, branchAt, encode });
    this.#batches.set(hasUpdates, batches);
    return batches;
  }

  /** Everybody who is here. Cost: that of their states; none where nothing changed. */
  everybody(): Uint8Array {
    const of = this.#room.encodePresence({ withDeparted: false });
    if (this.#everybody?.of !== of || this.#everybody === null) {
      const joined = presentIn(of, this.#options.limits);
      const event = this.#encode({ type: "presence", isAll: true, joined, changed: [], left: [] });
      this.#everybody = { of, event };
    }
    return this.#everybody.event;
  }

  /** What a note about presence, or a signal, says to everybody; `null` for nothing. */
  eventOf(note: Note): Uint8Array | null {
    if (this.#told?.note !== note) this.#told = { note, event: this.#newEventOf(note) };
    return this.#told.event;
  }

  #newEventOf({ said }: Note): Uint8Array | null {
    if (said.kind === "signal") return this.#encode({ type: "signal", signal: said.signal });
    const event = said.kind === "presence" ? this.#changes.take(said) : null;
    return event && this.#encode(event);
  }

  #encode(event: LiveEvent): Uint8Array {
    return this.#options.encode(event);
  }
}
